package franz

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// tls gives the configuration of connections to brokers.
func (g given) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	authorities, err := g.authorities("ssl.ca.location", "ssl.ca.pem")
	if err != nil {
		return nil, err
	}
	config.RootCAs = authorities
	if err := g.certificate(config); err != nil {
		return nil, err
	}
	switch {
	case !g.yes("enable.ssl.certificate.verification", true):
		config.InsecureSkipVerify = true //nolint:gosec // asked for
	case g.text("ssl.endpoint.identification.algorithm") == "none":
		config.InsecureSkipVerify = true //nolint:gosec // the chain is verified, the name is not: as asked for
		config.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state, authorities) }
	}
	return config, nil
}

// verifyChain checks who signed a broker's certificate, whatever name is in it.
func verifyChain(state tls.ConnectionState, authorities *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the broker has shown no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: authorities, Intermediates: between})
	return err
}

// authorities are the certificates that sign those of servers; nil stands for the system's own.
func (g given) authorities(location, pem string) (*x509.CertPool, error) {
	if inline := g.text(pem); inline != "" {
		return pool(pem, []byte(inline))
	}
	path := g.text(location)
	if path == "" || path == "probe" {
		return nil, nil
	}
	about, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", location, err)
	}
	files := []string{path}
	if about.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*")); err != nil {
			return nil, fmt.Errorf("%s: %w", location, err)
		}
	}
	var all []byte
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			if about.IsDir() {
				continue // a folder of certificates may hold other things
			}
			return nil, fmt.Errorf("%s: %w", location, err)
		}
		all = append(append(all, content...), '\n')
	}
	return pool(location, all)
}

func pool(name string, pem []byte) (*x509.CertPool, error) {
	found := x509.NewCertPool()
	if !found.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: there is no certificate in PEM form", name)
	}
	return found, nil
}

// certificate is how this client proves who it is, if it is to.
func (g given) certificate(config *tls.Config) error {
	chain, err := g.pem("ssl.certificate.location", "ssl.certificate.pem")
	if err != nil {
		return err
	}
	key, err := g.pem("ssl.key.location", "ssl.key.pem")
	if err != nil {
		return err
	}
	switch {
	case chain == nil && key == nil:
		return nil
	case chain == nil:
		return errors.New("ssl.key.location: there is a key without a certificate; set ssl.certificate.location too")
	case key == nil:
		return errors.New("ssl.certificate.location: there is a certificate without a key; set ssl.key.location too")
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return fmt.Errorf("ssl.certificate.location and ssl.key.location: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return nil
}

func (g given) pem(location, inline string) ([]byte, error) {
	if text := g.text(inline); text != "" {
		return []byte(text), nil
	}
	path := g.text(location)
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", location, err)
	}
	return content, nil
}
