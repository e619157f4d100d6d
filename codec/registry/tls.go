package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS is how a registry with an https URL is met. Files are PEM. The zero value trusts the system's authorities and shows
// no certificate.
type TLS struct {
	// CAFile holds the authorities that may sign the registry's certificate. Defaults to the system's.
	CAFile string
	// CertFile and KeyFile are the certificate that is shown to the registry. They are read again for every connection, so
	// that they can be renewed. Defaults to none.
	CertFile string
	KeyFile  string
	// ServerName is the name that the registry's certificate must have. Defaults to the host in the URL.
	ServerName string
}

// config gives the library's form, and all faults.
func (t TLS) config() (*tls.Config, error) {
	var faults []error
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pool, err := authorities(t.CAFile)
		faults = append(faults, err)
		out.RootCAs = pool
	}
	switch {
	case (t.CertFile == "") != (t.KeyFile == ""):
		faults = append(faults, errors.New("a client certificate needs both its certificate and its key"))
	case t.CertFile != "":
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("client certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
			}
			return &pair, nil
		}
		_, err := load()
		faults = append(faults, err)
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return out, errors.Join(faults...)
}

func authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("certificate authorities: there is no certificate in PEM in %s", file)
	}
	return pool, nil
}
