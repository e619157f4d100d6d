package franz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sasl/oauth"
)

const (
	// tokenTimeout bounds one request for a token.
	tokenTimeout = 20 * time.Second
	// tokenBytesMax bounds the answer.
	tokenBytesMax = 1 << 20
	// tokenLife is how long a token is used whose life the endpoint does not tell.
	tokenLife = 5 * time.Minute
)

// tokenSource gets tokens from an OpenID Connect endpoint for a client's id and secret (RFC 6749, section 4.4), and uses
// each for four fifths of its life.
type tokenSource struct {
	endpoint, id, secret, scope string
	extensions                  map[string]string
	client                      *http.Client

	mu    sync.Mutex
	token string
	until time.Time
}

// auth is called by the library for every connection, and again before a token's life ends.
func (s *tokenSource) auth(ctx context.Context) (oauth.Auth, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == "" || time.Now().After(s.until) {
		token, life, err := s.fetch(ctx)
		if err != nil {
			return oauth.Auth{}, fmt.Errorf("get a token from %s: %w", s.endpoint, err)
		}
		s.token, s.until = token, time.Now().Add(life*4/5)
	}
	return oauth.Auth{Token: s.token, Extensions: s.extensions}, nil
}

func (s *tokenSource) fetch(ctx context.Context) (token string, life time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if s.scope != "" {
		form.Set("scope", s.scope)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	request.SetBasicAuth(url.QueryEscape(s.id), url.QueryEscape(s.secret))
	response, err := s.client.Do(request)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, tokenBytesMax))
	if err != nil {
		return "", 0, err
	}
	if response.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("it answers %s", response.Status)
	}
	var answer struct {
		Token   string  `json:"access_token"`
		Seconds float64 `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", 0, fmt.Errorf("its answer is no JSON: %w", err)
	}
	if answer.Token == "" {
		return "", 0, errors.New("its answer holds no access_token")
	}
	life = tokenLife
	if answer.Seconds > 0 {
		life = time.Duration(answer.Seconds * float64(time.Second))
	}
	return answer.Token, life, nil
}
