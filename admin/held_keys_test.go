package admin

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeldKeysAreListed(t *testing.T) {
	t.Parallel()
	w := get(newServer(newFake(), Options{}), "/api/v1/held-keys")
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"keys": [
		{"topic": "orders.placed", "partition": 3, "id": "00000000000000ff", "key": "Y3VzdG9tZXItNw==", "since": "2026-03-04T12:00:00Z", "offset": 42},
		{"topic": "orders.placed", "partition": 3, "id": "0000000000000100", "key": null, "since": "2026-03-04T12:00:00Z", "offset": null}
	]}`, w.Body.String())
}

func TestKeysAreReleasedByIDOrAllAtOnce(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/partitions/orders.placed/3/release"
	for _, test := range []struct {
		name, path, body, says, call string
		fail                         error
		code                         int
	}{
		{name: "by id", path: path, body: `{"ids": ["00000000000000ff"]}`, code: 200, says: "00000000000000ff", call: "release 00000000000000ff orders.placed-3"},
		{name: "all", path: path, body: `{"all": true}`, code: 200, says: "true", call: "release  orders.placed-3"},
		{name: "nothing said", path: path, code: 400, says: "say which keys"},
		{name: "both", path: path, body: `{"ids": ["00000000000000ff"], "all": true}`, code: 400, says: "say which keys"},
		{name: "neither", path: path, body: `{}`, code: 400, says: "say which keys"},
		{name: "unknown field", path: path, body: `{"keys": ["a"]}`, code: 400, says: "say which keys"},
		{name: "body too large", path: path, body: `{"ids": ["` + strings.Repeat("x", bodyBytesMax) + `"]}`, code: 413, says: "too large"},
		{name: "no number", path: "/api/v1/partitions/orders.placed/three/release", body: `{"all": true}`, code: 400, says: "whole number"},
		{name: "another topic", path: "/api/v1/partitions/orders/3/release", body: `{"all": true}`, code: 404, says: "orders-3 is not assigned"},
		{name: "no id", path: path, body: `{"ids": ["a"]}`, fail: errors.New("\"a\" is not the id of a key"), code: 400, says: "is not the id", call: "release a orders.placed-3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newFake()
			p.fail = test.fail
			w := ask(newServer(p, Options{}), request(http.MethodPost, test.path, strings.NewReader(test.body)))
			require.Equal(t, test.code, w.Code, w.Body.String())
			require.Contains(t, w.Body.String(), test.says)
			if test.call == "" {
				require.Empty(t, p.called())
			} else {
				require.Equal(t, []string{test.call}, p.called())
			}
		})
	}
}
