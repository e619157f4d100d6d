package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/troupe-go/troupe/codec/wire"
)

func dialer(timeout time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return (&net.Dialer{Timeout: timeout, KeepAlive: 15 * time.Second}).DialContext
}

// credentials are put on every request by us: the client library's own setters race with its requests, and would send
// them to wherever a redirect points.
type credentials struct {
	username, password string
	token, tokenFile   string
}

// set puts them on a request, and gives what must not be shown of them.
func (c *credentials) set(request *http.Request) (secrets []string, err error) {
	token := c.token
	switch {
	case c.username != "":
		request.SetBasicAuth(c.username, c.password)
		return []string{basic(c.username, c.password), c.password}, nil
	case c.tokenFile != "":
		if token, err = readToken(c.tokenFile); err != nil {
			return nil, err
		}
	case token == "":
		return nil, nil
	}
	request.Header.Set("Authorization", "Bearer "+token)
	return []string{token}, nil
}

// exchange carries the requests of one call of the client library: under the caller's context, which the library does
// not know, with credentials, and with answers that are whole, bounded, and JSON. It is used by one goroutine.
type exchange struct {
	ctx         context.Context
	base        http.RoundTripper
	url         string
	credentials *credentials
	bytesMax    int64
	onEnd       func(Request)
	// probe says that only the beginning of the answer is of interest.
	probe bool
	// text is the schema that is sent, if one is.
	text string

	// guid is what the last answer that had one said.
	guid wire.GUID
}

// probeBytes is how much of an answer a probe reads.
const probeBytes = 4 << 10

// RoundTrip gives an answer with status 2xx, or an error.
func (x *exchange) RoundTrip(request *http.Request) (*http.Response, error) {
	begun := time.Now()
	request = request.Clone(x.ctx)
	answer, status, err := x.send(request)
	if x.onEnd != nil {
		x.onEnd(Request{Method: request.Method, URL: x.url, Status: status, Duration: time.Since(begun), Err: err})
	}
	return answer, err
}

func (x *exchange) send(request *http.Request) (*http.Response, int, error) {
	request.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json;q=0.9, */*;q=0.1")
	request.Header.Set("User-Agent", "troupe")
	secrets, err := x.credentials.set(request)
	if err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, 0, err
	}
	if err := x.restoreText(request); err != nil {
		return nil, 0, err
	}
	answer, err := x.base.RoundTrip(request)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	limit := x.bytesMax
	if x.probe {
		limit = probeBytes
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, answer.StatusCode, fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, answer.StatusCode, refused(answer, body, secrets)
	}
	opening := bytes.TrimLeft(body, " \t\r\n")
	if len(opening) == 0 || opening[0] != '{' && opening[0] != '[' {
		return nil, answer.StatusCode, fmt.Errorf("%w: it begins with %q", errGarbled, beginning(scrub(string(body[:min(len(body), probeBytes)]), secrets...)))
	}
	if !x.probe {
		if int64(len(body)) > limit {
			return nil, answer.StatusCode, fmt.Errorf("%w: the answer has more than %d bytes", ErrTooLarge, limit)
		}
		// The library dereferences what null and arrays leave behind.
		if opening[0] != '{' || !json.Valid(body) {
			return nil, answer.StatusCode, fmt.Errorf("%w: it is not an object in JSON", errGarbled)
		}
		x.noteGUID(body)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	return answer, answer.StatusCode, nil
}

// restoreText undoes that the library makes one line of a schema. Registries that compare texts would not find it under what
// other clients have registered, nor would those find ours.
func (x *exchange) restoreText(request *http.Request) error {
	if x.text == "" || request.Body == nil {
		return nil
	}
	defer request.Body.Close()
	var body map[string]any
	err := json.NewDecoder(request.Body).Decode(&body)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	body["schema"] = x.text
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	request.ContentLength = int64(len(data))
	request.Body, err = request.GetBody()
	return err
}

// noteGUID reads what the library does not.
func (x *exchange) noteGUID(body []byte) {
	var told struct {
		GUID string `json:"guid"`
	}
	if json.Unmarshal(body, &told) != nil {
		return
	}
	if guid, err := wire.ParseGUID(told.GUID); err == nil {
		x.guid = guid
	}
}

// refused reads an answer that is not 2xx.
func refused(answer *http.Response, body []byte, secrets []string) error {
	r := &refusal{status: answer.StatusCode}
	var told struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &told) == nil {
		r.code, r.message = told.Code, told.Message
	}
	r.message = oneLine(scrub(r.message, secrets...))
	return r
}

// client makes the library's HTTP client. It never sees a redirect, which is an error of RoundTrip: the credentials are for
// this registry alone.
func (x *exchange) client() *http.Client { return &http.Client{Transport: x} }

// verdict is what a failed request means.
type verdict uint8

const (
	passing  verdict = iota // an outage that may pass by itself: ask again
	standing                // an outage that an operator has to end: asking again at once is no use
	unknown                 // there is no such schema
	unusable                // there is one that will not be used
	rejected                // the registry does not accept what was sent
)

// Codes of a registry for what is not there: 40401 subject, 40402 version, 40403 schema, and their kind.
const (
	notFoundCodes    = 40400
	notFoundCodesEnd = 40500
)

// judge gives the meaning, and the error with what can be done about it.
func judge(err error, q question) (verdict, error) {
	var answer *refusal
	if !errors.As(err, &answer) {
		if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrType) {
			return unusable, err
		}
		return passing, err
	}
	switch status := answer.status; {
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return passing, err
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return standing, &hint{err, "check the username and password or the bearer token, and what they may do"}
	case status == http.StatusNotFound && answer.code >= notFoundCodes && answer.code < notFoundCodesEnd:
		return unknown, err
	case status >= 300 && status < 400:
		return standing, &hint{err, "redirects are not followed; configure the address that it points to"}
	case status == http.StatusNotFound && q.kind == byGUID:
		return standing, &hint{err, "either no schema registry is at this address, or it is an older one that cannot look schemas up by " +
			"GUID: upgrade it, or let producers put ids in front of the values"}
	case status == http.StatusNotFound:
		return standing, &hint{err, "no schema registry is at this address; a path may be missing, such as /apis/ccompat/v7"}
	case q.writes():
		return rejected, err
	default:
		return standing, err
	}
}

// plain takes the HTTP client's words off an error; the URL is named by ours.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
