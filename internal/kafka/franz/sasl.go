package franz

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// sasl gives the mechanism by which this client says who it is.
func (g given) sasl() (sasl.Mechanism, error) {
	user, password := g.text("sasl.username"), g.text("sasl.password")
	name := strings.ToUpper(g.text("sasl.mechanism"))
	if name != "OAUTHBEARER" && (user == "" || password == "") {
		return nil, errors.New("sasl.username: SASL needs a user and a password; set sasl.username and sasl.password")
	}
	switch name {
	case "PLAIN":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		source, err := g.tokens()
		if err != nil {
			return nil, err
		}
		return oauth.Oauth(source.auth), nil
	default:
		return nil, fmt.Errorf("sasl.mechanism: %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER", name)
	}
}

// tokens gives the source of OAuth tokens.
func (g given) tokens() (*tokenSource, error) {
	source := &tokenSource{
		endpoint: g.text("sasl.oauthbearer.token.endpoint.url"),
		id:       g.text("sasl.oauthbearer.client.id"),
		secret:   g.text("sasl.oauthbearer.client.secret"),
		scope:    g.text("sasl.oauthbearer.scope"),
		client:   &http.Client{Timeout: tokenTimeout},
	}
	for name, value := range map[string]string{
		"sasl.oauthbearer.token.endpoint.url": source.endpoint,
		"sasl.oauthbearer.client.id":          source.id,
		"sasl.oauthbearer.client.secret":      source.secret,
	} {
		if value == "" {
			return nil, fmt.Errorf("%s: OAUTHBEARER needs it", name)
		}
	}
	for pair := range strings.SplitSeq(g.text("sasl.oauthbearer.extensions"), ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			continue
		}
		if source.extensions == nil {
			source.extensions = make(map[string]string)
		}
		source.extensions[name] = value
	}
	authorities, err := g.authorities("https.ca.location", "https.ca.pem")
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented to be one
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities}
	transport.DisableKeepAlives = true // a token lasts for long
	source.client.Transport = transport
	return source, nil
}
