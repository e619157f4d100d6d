package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const deadline = 10 * time.Second

type running struct {
	server *Server
	url    string
	client *http.Client
	stop   context.CancelFunc
	served *outcome
}

// outcome is what Serve returned, once done is closed.
type outcome struct {
	done chan struct{}
	err  error
}

func start(t *testing.T, p Processor) running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := newServer(p, Options{Listen: "127.0.0.1:0"})
	require.Nil(t, s.Addr())
	addr, err := s.Listen(ctx)
	require.NoError(t, err)
	require.Equal(t, addr, s.Addr())
	served := &outcome{done: make(chan struct{})}
	go func() {
		served.err = s.Serve(ctx)
		close(served.done)
	}()
	client := &http.Client{Transport: &http.Transport{}, Timeout: deadline}
	r := running{s, "http://" + addr.String(), client, stop, served}
	t.Cleanup(func() {
		stop()
		client.CloseIdleConnections()
		require.NoError(t, r.waitServed(t))
	})
	return r
}

func (r running) do(t *testing.T, method, path string, header http.Header) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, r.url+path, nil)
	require.NoError(t, err)
	for key, values := range header {
		request.Header[key] = values
	}
	answered, err := r.client.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(answered.Body)
	require.NoError(t, err)
	require.NoError(t, answered.Body.Close())
	return answered.StatusCode, string(body)
}

func (r running) waitServed(t *testing.T) error {
	t.Helper()
	select {
	case <-r.served.done:
		return r.served.err
	case <-time.After(deadline):
		require.Fail(t, "Serve did not return")
		return nil
	}
}

func TestServeAnswersUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	r := start(t, newFake())
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/api/v1/status", "/"} {
		code, _ := r.do(t, http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, code, path)
	}
	r.stop()
	require.NoError(t, r.waitServed(t))
	var dialer net.Dialer
	_, err := dialer.DialContext(context.Background(), "tcp", r.server.Addr().String())
	require.Error(t, err, "the port is free again")
}

func TestServeLetsARequestInProgressFinish(t *testing.T) {
	t.Parallel()
	p := newFake()
	entered, proceed := make(chan struct{}), make(chan struct{})
	p.onAct = func() {
		close(entered)
		<-proceed
	}
	r := start(t, p)
	code := make(chan int, 1)
	go func() {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/api/v1/partitions/orders.placed/3/pause", nil)
		if err != nil {
			code <- -1
			return
		}
		answered, err := r.client.Do(request)
		if err != nil {
			code <- -1
			return
		}
		_ = answered.Body.Close()
		code <- answered.StatusCode
	}()
	<-entered
	r.stop()
	close(proceed)
	require.NoError(t, r.waitServed(t))
	require.Equal(t, http.StatusOK, <-code)
}

func TestServeWithAContextThatHasEndedReturnsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(context.Background())
	stop()
	require.NoError(t, newServer(newFake(), Options{Listen: "127.0.0.1:0"}).Serve(ctx))
}

func TestListenNamesAnAddressInUse(t *testing.T) {
	t.Parallel()
	r := start(t, newFake())
	taken := r.server.Addr().String()
	second := newServer(newFake(), Options{Listen: taken})
	require.NoError(t, second.Close(), "nothing to close yet")
	_, err := second.Listen(context.Background())
	require.ErrorContains(t, err, taken)
	require.ErrorContains(t, err, "admin.listen")
	require.ErrorContains(t, second.Serve(context.Background()), taken)
}

func TestCloseGivesTheAddressBack(t *testing.T) {
	t.Parallel()
	s := newServer(newFake(), Options{Listen: "127.0.0.1:0"})
	addr, err := s.Listen(context.Background())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	again := newServer(newFake(), Options{Listen: addr.String()})
	_, err = again.Listen(context.Background())
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	r := start(t, newFake())
	code, _ := r.do(t, http.MethodGet, "/healthz", http.Header{"X-Padding": {strings.Repeat("x", 4*headerBytesMax)}})
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, code)
}

func TestAPanicOfTheProcessorEndsOnlyItsRequest(t *testing.T) {
	t.Parallel()
	p := newFake()
	p.onAct = func() { panic("a bug") }
	r := start(t, p)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/api/v1/partitions/orders.placed/3/pause", nil)
	require.NoError(t, err)
	answered, err := r.client.Do(request)
	if err == nil {
		_ = answered.Body.Close()
	}
	require.Error(t, err)
	code, _ := r.do(t, http.MethodGet, "/healthz", nil)
	require.Equal(t, http.StatusOK, code)
	r.stop()
	require.NoError(t, r.waitServed(t))
}
