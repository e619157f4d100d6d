package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// access decides who may use the endpoints that are not open to all.
type access struct {
	// token is hashed, so that a comparison takes the same time whatever the length of what is sent.
	token    [sha256.Size]byte
	hasToken bool
	// host is the name that the listen address was configured with: a legitimate Host.
	host   string
	origin *http.CrossOriginProtection
}

func newAccess(token, listen string) access {
	token = strings.TrimSpace(token) // one read from a file ends in a line break
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		host = listen
	}
	return access{
		token:    sha256.Sum256([]byte(token)),
		hasToken: token != "",
		host:     host,
		origin:   http.NewCrossOriginProtection(),
	}
}

// refusal is why a request is turned away.
type refusal struct {
	status int
	reason string
}

// check gives nil when the request may pass.
func (a *access) check(r *http.Request) *refusal {
	if err := a.origin.Check(r); err != nil {
		return &refusal{http.StatusForbidden, "a page of another origin may not send this request"}
	}
	if a.hasToken && a.carriesToken(r) {
		return nil
	}
	if onLoopback(r) && !forwarded(r) {
		if !a.namesThisMachine(r.Host) {
			return &refusal{http.StatusForbidden, "the Host header does not name this machine: use localhost, or send the token"}
		}
		return nil
	}
	if !a.hasToken {
		return &refusal{http.StatusForbidden, "only /healthz, /readyz and /metrics are open on this address: " +
			"set admin.token and send it as \"Authorization: Bearer <token>\", or listen on a loopback address"}
	}
	return &refusal{http.StatusUnauthorized, "send the token as \"Authorization: Bearer <token>\""}
}

func (a *access) carriesToken(r *http.Request) bool {
	scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	hash := sha256.Sum256([]byte(strings.TrimSpace(sent)))
	return subtle.ConstantTimeCompare(hash[:], a.token[:]) == 1
}

// namesThisMachine keeps out a name that its owner has rebound to a loopback address: a browser sends that name as Host.
func (a *access) namesThisMachine(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if host == "" {
		return false
	}
	if strings.EqualFold(host, "localhost") || strings.EqualFold(host, a.host) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// forwarded says that a proxy passed the request on: who asks is not on this machine then.
func forwarded(r *http.Request) bool {
	return r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("X-Real-Ip") != ""
}

type listenerKey struct{}

func withListener(ctx context.Context, addr net.Addr) context.Context {
	return context.WithValue(ctx, listenerKey{}, addr)
}

// onLoopback goes by the address of the listener where it is known: one that listens everywhere is not a loopback listener,
// even for those who come from this machine. In a host's own server it goes by the address the request arrived at.
func onLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(listenerKey{}).(net.Addr)
	if !ok {
		addr, ok = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	}
	tcp, isTCP := addr.(*net.TCPAddr)
	return ok && isTCP && tcp.IP.IsLoopback()
}
