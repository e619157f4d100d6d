package franz

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
)

// authority signs certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
	serial      int64
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, serial: 1}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.pem = encode("CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// sign makes a certificate and a key for a name.
func (a *authority) sign(name string) (certificate, key string) {
	a.t.Helper()
	a.serial++
	own := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &own.PublicKey, a.key)
	require.NoError(a.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(own)
	require.NoError(a.t, err)
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", private)
}

// broker starts one that shows a certificate for a name, and says with which certificate the client came.
func (a *authority) broker(name string, clients tls.ClientAuthType) (address string) {
	a.t.Helper()
	certificate, key := a.sign(name)
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	require.NoError(a.t, err)
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: clients, ClientCAs: pool,
	}))
	require.NoError(a.t, err)
	a.t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// ask lists the topics of a broker, for as long as is given.
func ask(t *testing.T, patience time.Duration, address string, pairs ...string) error {
	t.Helper()
	given := map[string]string{"bootstrap.servers": address, "group.id": "g"}
	for i := 0; i < len(pairs); i += 2 {
		given[pairs[i]] = pairs[i+1]
	}
	client, err := New(Options{Kafka: given, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	admin, err := client.Admin()
	require.NoError(t, err)
	defer admin.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		_, err := admin.Topics(ctx)
		answered <- err
	}()
	select {
	case err := <-answered:
		return err
	case <-time.After(patience):
		cancel() // it tries for as long as it may
		return errors.Join(errNoAnswer, <-answered)
	}
}

// refusal is how long a broker that does not want this client, or that this client does not want, is asked.
const refusal = 10 * time.Second

// answer bounds the wait for one that must come, on a busy machine too.
const answer = time.Minute

var errNoAnswer = errors.New("no answer")

func TestCertificatesOfBrokersAreVerified(t *testing.T) {
	t.Parallel()
	trusted, other := newAuthority(t, "trusted"), newAuthority(t, "other")
	local, elsewhere := trusted.broker("localhost", tls.NoClientCert), trusted.broker("elsewhere", tls.NoClientCert)
	at := func(address string) string { return strings.Replace(address, "127.0.0.1", "localhost", 1) }
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "ca.pem"), []byte(trusted.pem), 0o600))
	for name, c := range map[string]struct {
		address    string
		properties []string
		fails      string
	}{
		"file":         {local, []string{"ssl.ca.location", write(t, "ca.pem", trusted.pem)}, ""},
		"folder":       {local, []string{"ssl.ca.location", folder}, ""},
		"inline":       {local, []string{"ssl.ca.pem", trusted.pem}, ""},
		"system":       {local, nil, "unknown authority"},
		"other":        {local, []string{"ssl.ca.pem", other.pem}, "unknown authority"},
		"wrong name":   {elsewhere, []string{"ssl.ca.pem", trusted.pem}, "elsewhere"},
		"name ignored": {elsewhere, []string{"ssl.ca.pem", trusted.pem, "ssl.endpoint.identification.algorithm", "none"}, ""},
		"chain is not ignored with the name": {
			elsewhere, []string{"ssl.ca.pem", other.pem, "ssl.endpoint.identification.algorithm", "none"}, "unknown authority",
		},
		"nothing verified": {elsewhere, []string{"enable.ssl.certificate.verification", "false"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// kfake tells its address as a number, which no certificate here names; only the first connection goes by name.
			properties := append(c.properties, "security.protocol", "ssl")
			if c.fails == "" {
				require.NoError(t, ask(t, answer, at(c.address), properties...))
				return
			}
			require.ErrorContains(t, ask(t, refusal, at(c.address), properties...), c.fails)
		})
	}
}

func TestClientShowsItsCertificate(t *testing.T) {
	t.Parallel()
	trusted := newAuthority(t, "trusted")
	address := strings.Replace(trusted.broker("localhost", tls.RequireAndVerifyClientCert), "127.0.0.1", "localhost", 1)
	certificate, key := trusted.sign("client")
	common := []string{"security.protocol", "ssl", "ssl.ca.pem", trusted.pem}
	require.NoError(t, ask(t, answer, address, append(common, "ssl.certificate.pem", certificate, "ssl.key.pem", key)...))
	require.NoError(t, ask(t, answer, address, append(common,
		"ssl.certificate.location", write(t, "c.pem", certificate), "ssl.key.location", write(t, "k.pem", key))...))
	require.Error(t, ask(t, refusal, address, common...))
}

func TestWrongFilesAreNamed(t *testing.T) {
	t.Parallel()
	certificate, _ := newAuthority(t, "a").sign("client")
	_, foreign := newAuthority(t, "b").sign("client")
	for want, pairs := range map[string][]string{
		"ssl.ca.location: stat /none":                        {"ssl.ca.location", "/none"},
		"ssl.ca.location: there is no certificate":           {"ssl.ca.location", write(t, "ca.pem", "nonsense")},
		"ssl.ca.pem: there is no certificate":                {"ssl.ca.pem", "nonsense"},
		"ssl.certificate.location: open /none":               {"ssl.certificate.location", "/none"},
		"set ssl.key.location too":                           {"ssl.certificate.pem", certificate},
		"set ssl.certificate.location too":                   {"ssl.key.pem", foreign},
		"ssl.certificate.location and ssl.key.location: tls": {"ssl.certificate.pem", certificate, "ssl.key.pem", foreign},
	} {
		require.ErrorContains(t, ask(t, refusal, "127.0.0.1:1", append(pairs, "security.protocol", "ssl")...), want)
	}
}

func TestPasswordsReachTheBroker(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(mechanism, "clerk", "secret"))
			require.NoError(t, err)
			t.Cleanup(cluster.Close)
			address := cluster.ListenAddrs()[0]
			with := func(patience time.Duration, name, password string) error {
				return ask(t, patience, address, "security.protocol", "sasl_plaintext", name, mechanism,
					"sasl.username", "clerk", "sasl.password", password)
			}
			require.NoError(t, with(answer, "sasl.mechanism", "secret"))
			require.NoError(t, with(answer, "sasl.mechanisms", "secret"))
			require.Error(t, with(refusal, "sasl.mechanism", "guess"))
		})
	}
	require.ErrorContains(t, ask(t, refusal, "127.0.0.1:1", "security.protocol", "sasl_plaintext", "sasl.mechanism", "PLAIN"), "set sasl.username")
}

// endpoint answers requests for tokens, over HTTPS.
func endpoint(t *testing.T, answer http.HandlerFunc) (url, authority string) {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(server.Close)
	return server.URL, encode("CERTIFICATE", server.Certificate().Raw)
}

func tokensOf(t *testing.T, pairs ...string) (*tokenSource, error) {
	t.Helper()
	given := map[string]string{
		"bootstrap.servers": "a:1", "group.id": "g", "security.protocol": "sasl_plaintext", "sasl.mechanism": "OAUTHBEARER",
		"sasl.oauthbearer.method": "oidc",
	}
	for i := 0; i < len(pairs); i += 2 {
		given[pairs[i]] = pairs[i+1]
	}
	client, err := New(Options{Kafka: given, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return client.consumer.tokens()
}

func TestTokensAreFetchedWithTheClientsSecretAndKept(t *testing.T) {
	t.Parallel()
	asked := 0
	url, authority := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		id, secret, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		if id != "id" || secret != "s%3Acret" || string(body) != "grant_type=client_credentials&scope=kafka" {
			http.Error(w, "who is that", http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"access_token": "token-%d", "expires_in": %d}`, asked, map[bool]int{true: 3600, false: 0}[asked > 1])
	})
	for _, names := range [][2]string{
		{"sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret"},
		{"sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.credentials.client.secret"},
	} {
		source, err := tokensOf(t, "sasl.oauthbearer.token.endpoint.url", url, "sasl.oauthbearer.scope", "kafka",
			"sasl.oauthbearer.extensions", "a=1,b=2", names[0], "id", names[1], "s:cret",
			"https.ca.location", write(t, "ca.pem", authority))
		require.NoError(t, err)
		asked = 0
		for range 3 {
			auth, err := source.auth(t.Context())
			require.NoError(t, err)
			require.Equal(t, "token-1", auth.Token)
			require.Equal(t, map[string]string{"a": "1", "b": "2"}, auth.Extensions)
		}
		source.until = time.Now().Add(-time.Second)
		auth, err := source.auth(t.Context())
		require.NoError(t, err)
		require.Equal(t, "token-2", auth.Token)
	}
}

func TestTokenEndpointMayAnswerAnything(t *testing.T) {
	t.Parallel()
	for want, answer := range map[string]string{
		"no JSON": "<html>", "no access_token": `{"expires_in": 5}`, "no JSON: unexpected end": "",
		"no JSON: unexpected EOF or end": `{"access_token": "` + strings.Repeat("x", 2<<20),
	} {
		url, authority := endpoint(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
		source, err := tokensOf(t, "sasl.oauthbearer.token.endpoint.url", url, "https.ca.pem", authority,
			"sasl.oauthbearer.client.id", "id", "sasl.oauthbearer.client.secret", "s")
		require.NoError(t, err)
		_, err = source.auth(t.Context())
		require.ErrorContains(t, err, strings.SplitN(want, ":", 2)[0])
	}
	url, authority := endpoint(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	source, err := tokensOf(t, "sasl.oauthbearer.token.endpoint.url", url, "https.ca.pem", authority,
		"sasl.oauthbearer.client.id", "id", "sasl.oauthbearer.client.secret", "s")
	require.NoError(t, err)
	_, err = source.auth(t.Context())
	require.ErrorContains(t, err, "403")
	stranger, err := tokensOf(t, "sasl.oauthbearer.token.endpoint.url", url,
		"sasl.oauthbearer.client.id", "id", "sasl.oauthbearer.client.secret", "s")
	require.NoError(t, err)
	_, err = stranger.auth(t.Context())
	require.ErrorContains(t, err, "certificate", "the endpoint is not trusted without its authority")
	_, err = tokensOf(t)
	require.ErrorContains(t, err, "OAUTHBEARER needs it")
}
