package admin

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

const token = "correct horse battery staple"

func TestOnlyProbesAndMetricsAreOpenElsewhere(t *testing.T) {
	t.Parallel()
	p := newFake()
	s := newServer(p, Options{Listen: "0.0.0.0:8080", Config: []byte("name: orders\n")})
	for _, e := range s.endpoints() {
		path := "/api/v1/partitions/orders.placed/3/pause"
		if e.method == http.MethodGet {
			path = e.path
		}
		if path == "/{$}" {
			path = "/"
		}
		r := httptest.NewRequestWithContext(arrivedAt("10.1.2.3"), e.method, path, nil)
		w := ask(s, r)
		if e.open {
			require.Equal(t, http.StatusOK, w.Code, path)
			continue
		}
		require.Equal(t, http.StatusForbidden, w.Code, path)
		require.Contains(t, errorOf(t, w), "set admin.token")
	}
	require.Empty(t, p.called())
	w := ask(s, httptest.NewRequestWithContext(arrivedAt("10.1.2.3"), http.MethodGet, "/anything", nil))
	require.Equal(t, http.StatusForbidden, w.Code)
}

func TestTheTokenOpensEverythingElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(newFake(), Options{Listen: "0.0.0.0:8080", Token: token + "\n"})
	for header, code := range map[string]int{
		"Bearer " + token:       http.StatusOK,
		"bearer  " + token:      http.StatusOK,
		"":                      http.StatusUnauthorized,
		"Bearer":                http.StatusUnauthorized,
		"Bearer ":               http.StatusUnauthorized,
		"Basic " + token:        http.StatusUnauthorized,
		"Bearer " + token + "x": http.StatusUnauthorized,
		"Bearer " + token[:5]:   http.StatusUnauthorized,
		token:                   http.StatusUnauthorized,
	} {
		r := httptest.NewRequestWithContext(arrivedAt("10.1.2.3"), http.MethodGet, "/api/v1/status", nil)
		r.Host = "troupe.example.com"
		r.Header.Set("Authorization", header)
		w := ask(s, r)
		require.Equal(t, code, w.Code, "%q", header)
		if code == http.StatusUnauthorized {
			require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer")
			require.Contains(t, errorOf(t, w), "send the token")
		}
	}
}

func TestAnEmptyTokenOpensNothing(t *testing.T) {
	t.Parallel()
	for _, configured := range []string{"", " \n"} {
		s := newServer(newFake(), Options{Token: configured})
		r := httptest.NewRequestWithContext(arrivedAt("10.1.2.3"), http.MethodGet, "/api/v1/status", nil)
		r.Header.Set("Authorization", "Bearer ")
		require.Equal(t, http.StatusForbidden, ask(s, r).Code)
	}
}

func TestARequestWithoutAKnownAddressNeedsTheToken(t *testing.T) {
	t.Parallel()
	s := newServer(newFake(), Options{})
	r := httptest.NewRequest(http.MethodGet, "/api/v1/status", nil)
	r.Host = "localhost"
	require.Equal(t, http.StatusForbidden, ask(s, r).Code)
}

func TestAListenerOnEveryAddressIsNotALoopbackListener(t *testing.T) {
	t.Parallel()
	s := newServer(newFake(), Options{})
	for ip, code := range map[string]int{"0.0.0.0": http.StatusForbidden, "::": http.StatusForbidden, "127.0.0.1": http.StatusOK, "::1": http.StatusOK} {
		r := request(http.MethodGet, "/api/v1/status", nil) // which arrived at 127.0.0.1
		r = r.WithContext(withListener(r.Context(), &net.TCPAddr{IP: net.ParseIP(ip), Port: 8080}))
		require.Equal(t, code, ask(s, r).Code, ip)
	}
	r := request(http.MethodGet, "/api/v1/status", nil)
	r = r.WithContext(withListener(r.Context(), &net.UnixAddr{Name: "/run/troupe.sock"}))
	require.Equal(t, http.StatusForbidden, ask(s, r).Code)
}

func TestLoopbackTurnsAwayReboundNames(t *testing.T) {
	t.Parallel()
	s := newServer(newFake(), Options{Listen: "troupe.local:8080", Token: token})
	for host, code := range map[string]int{
		"localhost":             http.StatusOK,
		"LOCALHOST.:8080":       http.StatusOK,
		"127.0.0.1:8080":        http.StatusOK,
		"127.8.9.10":            http.StatusOK,
		"[::1]:8080":            http.StatusOK,
		"[::1]":                 http.StatusOK,
		"[::ffff:127.0.0.1]:80": http.StatusOK,
		"troupe.local:8080":     http.StatusOK,
		"attacker.example":      http.StatusForbidden,
		"attacker.example:8080": http.StatusForbidden,
		"localhost.attacker.io": http.StatusForbidden,
		"127.0.0.1.nip.io:8080": http.StatusForbidden,
		"10.0.0.1":              http.StatusForbidden,
		"":                      http.StatusForbidden,
		":8080":                 http.StatusForbidden,
	} {
		r := request(http.MethodGet, "/api/v1/status", nil)
		r.Host = host
		require.Equal(t, code, ask(s, r).Code, "%q", host)
		r.Header.Set("Authorization", "Bearer "+token)
		require.Equal(t, http.StatusOK, ask(s, r).Code, "with the token, %q", host)
	}
	r := request(http.MethodGet, "/healthz", nil)
	r.Host = "orders.default.svc"
	require.Equal(t, http.StatusOK, ask(s, r).Code, "probes take any name")
}

func TestLoopbackTurnsAwayWhatAProxyPassesOn(t *testing.T) {
	t.Parallel()
	s := newServer(newFake(), Options{})
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-IP"} {
		r := request(http.MethodGet, "/api/v1/status", nil)
		r.Header.Set(header, "203.0.113.7")
		require.Equal(t, http.StatusForbidden, ask(s, r).Code, header)
	}
}

func TestPagesOfOtherOriginsCannotPause(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/partitions/orders.placed/3/pause"
	for _, c := range []struct {
		origin, site string
		code         int
	}{
		{"", "", http.StatusOK}, // no browser
		{"http://localhost:8080", "", http.StatusOK},
		{"http://localhost:8080", "same-origin", http.StatusOK},
		{"https://attacker.example", "", http.StatusForbidden},
		{"http://localhost:9999", "", http.StatusForbidden},
		{"null", "", http.StatusForbidden},
		{"", "cross-site", http.StatusForbidden},
		{"http://localhost:9999", "same-site", http.StatusForbidden},
	} {
		p := newFake()
		s := newServer(p, Options{})
		r := request(http.MethodPost, path, nil)
		r.Header.Set("Origin", c.origin)
		r.Header.Set("Sec-Fetch-Site", c.site)
		w := ask(s, r)
		require.Equal(t, c.code, w.Code, "%q %q", c.origin, c.site)
		if c.code != http.StatusOK {
			require.Contains(t, errorOf(t, w), "origin")
			require.Empty(t, p.called())
		}
	}
}

func TestAHostsOwnServerGoesByTheAddressOfTheRequest(t *testing.T) {
	t.Parallel()
	host := httptest.NewServer(newServer(newFake(), Options{}).Handler())
	t.Cleanup(host.Close)
	client := host.Client()
	t.Cleanup(client.CloseIdleConnections)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, host.URL+"/api/v1/partitions", nil)
	require.NoError(t, err)
	answered, err := client.Do(r)
	require.NoError(t, err)
	require.NoError(t, answered.Body.Close())
	require.Equal(t, http.StatusOK, answered.StatusCode)
}
