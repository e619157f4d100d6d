package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// open makes a resolver that is closed at the test's end.
func open(t *testing.T, c Config) *Resolver {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout, c.LookupTimeout = patience, patience
	}
	r, err := New(c)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

func TestAllTypesAreFoundInARegistry(t *testing.T) {
	t.Parallel()
	server := srfake.New()
	t.Cleanup(server.Close)
	const money = `syntax = "proto3"; package common; message Money { int64 cents = 1; }`
	_, _, err := server.RegisterSchema("common/money.proto", sr.Schema{Schema: money, Type: sr.TypeProtobuf})
	require.NoError(t, err)
	r := open(t, Config{URLs: []string{server.URL()}})
	require.NoError(t, r.Check(t.Context()))

	order := Schema{
		Type: Protobuf, Text: "syntax = \"proto3\";\nimport \"common/money.proto\";\nmessage Order { common.Money total = 1; }",
		References: []Reference{{Name: "common/money.proto", Subject: "common/money.proto", Version: 1}},
	}
	for _, draft := range []Schema{{Type: Avro, Text: "{\"type\":\n\"string\"}"}, {Type: JSON, Text: `{"type":"object"}`}, order} {
		registered, err := r.Register(t.Context(), "s-"+draft.Type.String(), draft)
		require.NoError(t, err)
		require.Equal(t, draft.Type, registered.Type)
		require.False(t, registered.GUID.IsZero())

		reader := open(t, Config{URLs: []string{server.URL()}})
		byID, err := reader.ByID(t.Context(), registered.ID)
		require.NoError(t, err)
		require.Equal(t, registered.Text, byID.Text)
		require.Equal(t, draft.Type, byID.Type)
		byGUID, err := reader.ByGUID(t.Context(), registered.GUID)
		require.NoError(t, err)
		require.Equal(t, byID.Text, byGUID.Text)
		require.Equal(t, registered.ID, byGUID.ID)
		newest, err := reader.Latest(t.Context(), "s-"+draft.Type.String())
		require.NoError(t, err)
		require.Equal(t, registered.ID, newest.ID)
		require.Equal(t, registered.GUID, newest.GUID)
		require.Equal(t, 1, newest.Version)
		looked, err := reader.Lookup(t.Context(), "s-"+draft.Type.String(), draft)
		require.NoError(t, err)
		require.Equal(t, registered.ID, looked.ID)
		for _, s := range []*Schema{registered, byID, byGUID, newest, looked} {
			require.Len(t, s.References, len(draft.References))
			for _, reference := range s.References {
				require.Equal(t, money, reference.Schema.Text)
				require.Equal(t, Protobuf, reference.Schema.Type)
			}
		}
	}
	_, err = r.Register(t.Context(), "s", Schema{Type: Avro, Text: `"string"`, References: []Reference{{Name: "n", Subject: "none", Version: 1}}})
	var rejected *RejectedError
	require.ErrorAs(t, err, &rejected)
	require.False(t, rejected.Incompatible)
}

func TestCredentialsAreSent(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("first\n"), 0o600))
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"basic":      {Config{Username: "me", Password: "hunter2"}, "Basic bWU6aHVudGVyMg=="},
		"user alone": {Config{Username: "me"}, "Basic bWU6"},
		"bearer":     {Config{BearerToken: "abc"}, "Bearer abc"},
		"file":       {Config{BearerTokenFile: token}, "Bearer first"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := srfake.New(srfake.WithAuth(c.want))
			t.Cleanup(server.Close)
			server.SeedSchema("s", 1, 7, sr.Schema{Schema: `"string"`})
			c.config.URLs = []string{server.URL()}
			_, err := open(t, c.config).ByID(t.Context(), 7)
			require.NoError(t, err)
			_, err = open(t, Config{URLs: c.config.URLs}).ByID(t.Context(), 7)
			requireOutage(t, err, "HTTP 401", "check the username")
		})
	}
}

func TestTokenFileIsReadForEveryRequest(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("first"), 0o600))
	server := srfake.New(srfake.WithAuth("Bearer second"))
	t.Cleanup(server.Close)
	server.SeedSchema("s", 1, 7, sr.Schema{Schema: `"string"`})
	r := open(t, Config{URLs: []string{server.URL()}, BearerTokenFile: token, Backoff: 1})
	_, err := r.ByID(t.Context(), 7)
	requireOutage(t, err, "HTTP 403")
	require.NoError(t, os.Remove(token))
	_, err = r.ByID(t.Context(), 7)
	requireOutage(t, err, "bearer token", "no such file")
	require.NoError(t, os.WriteFile(token, []byte("second"), 0o600))
	_, err = r.ByID(t.Context(), 7)
	require.NoError(t, err)
}

func TestRedirectsCarryNoCredentialsAway(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	r := open(t, Config{URLs: []string{server.URL}, Username: "me", Password: "hunter2"})
	_, err := r.ByID(t.Context(), 7)
	requireOutage(t, err, "redirects are not followed")
	_, err = r.Register(t.Context(), "s", Schema{Type: Avro, Text: `"string"`})
	requireOutage(t, err, "redirects are not followed")
	require.Zero(t, asked.Load())
}

// A server that accepts and says nothing, one that stops in the middle of its answer, and one that is not there.
func TestDeadServersEndWithinTheTimeout(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	release := make(chan struct{})
	halting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"schema":`))
		w.(http.Flusher).Flush()
		<-release
	}))
	t.Cleanup(halting.Close)
	t.Cleanup(func() { close(release) })
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, url := range map[string]string{"silent": "http://" + silent.Addr().String(), "halting": halting.URL, "gone": gone.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, Config{URLs: []string{url}, Timeout: 50 * time.Millisecond, LookupTimeout: patience, Retries: 1, Backoff: 1})
			begun := time.Now()
			_, err := r.ByID(t.Context(), 7)
			requireOutage(t, err, "ask "+url)
			require.Less(t, time.Since(begun), patience)
		})
	}
}

func TestCompressedAnswersAreBoundedToo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"schema":"`))
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = 'x'
		}
		for request.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	_, err := open(t, Config{URLs: []string{server.URL}}).ByID(t.Context(), 7)
	require.ErrorIs(t, err, ErrTooLarge)
}

// authority signs certificates for 127.0.0.1.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{certificate, key}
}

// sign writes a certificate and its key.
func (a *authority) sign(t *testing.T, name, certificateFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	writePEM(t, certificateFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", private)
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func TestTLSWithOwnAuthorityAndClientCertificate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	ours := newAuthority(t)
	writePEM(t, file("ca"), "CERTIFICATE", ours.certificate.Raw)
	ours.sign(t, "server.test", file("server"), file("server.key"))
	newAuthority(t).sign(t, "stranger", file("client"), file("client.key"))

	backend := srfake.NewRegistry()
	backend.SeedSchema("s", 1, 7, sr.Schema{Schema: `"string"`})
	pair, err := tls.LoadX509KeyPair(file("server"), file("server.key"))
	require.NoError(t, err)
	clients := x509.NewCertPool()
	clients.AddCert(ours.certificate)
	var name atomic.Value
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		name.Store(request.TLS.PeerCertificates[0].Subject.CommonName)
		backend.Handler().ServeHTTP(w, request)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	server.TLS = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	ask := func(r *Resolver) error {
		_, err := r.ByID(t.Context(), 7)
		return err
	}
	config := func(security TLS) Config {
		return Config{URLs: []string{server.URL}, TLS: security, Backoff: 1}
	}

	requireOutage(t, ask(open(t, config(TLS{}))), "certificate signed by unknown authority")
	requireOutage(t, ask(open(t, config(TLS{CAFile: file("ca"), ServerName: "another.test"}))), "not another.test")
	requireOutage(t, ask(open(t, config(TLS{CAFile: file("ca")}))), "certificate")

	r := open(t, config(TLS{CAFile: file("ca"), CertFile: file("client"), KeyFile: file("client.key"), ServerName: "server.test"}))
	requireOutage(t, ask(r))
	ours.sign(t, "client.test", file("client"), file("client.key"))
	require.NoError(t, ask(r), "a renewed certificate is used without a restart")
	require.Equal(t, "client.test", name.Load())
}

func TestPathBelongsToTheURL(t *testing.T) {
	t.Parallel()
	backend := srfake.NewRegistry()
	backend.SeedSchema("s", 1, 7, sr.Schema{Schema: `"string"`})
	server := httptest.NewServer(http.StripPrefix("/apis/ccompat/v7", backend.Handler()))
	t.Cleanup(server.Close)
	at, err := url.JoinPath(server.URL, "/apis/ccompat/v7/")
	require.NoError(t, err)
	_, err = open(t, Config{URLs: []string{at}}).ByID(t.Context(), 7)
	require.NoError(t, err)
	_, err = open(t, Config{URLs: []string{server.URL}}).ByID(t.Context(), 7)
	requireOutage(t, err, "no schema registry is at this address")
}
