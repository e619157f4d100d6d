package registry

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec/wire"
)

// TestRealRegistry needs one: make test-registry
func TestRealRegistry(t *testing.T) { //nolint:paralleltest // it kills the registry at its end
	url := os.Getenv("TROUPE_REGISTRY")
	if url == "" {
		t.Skip("TROUPE_REGISTRY is not set; `make test-registry` starts one")
	}
	subject := func(name string) string { return fmt.Sprintf("%s/%d.proto", name, time.Now().UnixNano()) }
	config := Config{URLs: []string{url}, Timeout: time.Minute, LookupTimeout: patience, Dir: t.TempDir(), UnknownGrace: -1}
	r := open(t, config)
	require.NoError(t, r.Check(t.Context()))

	currency, money := subject("currency"), subject("common/money")
	drafts := []struct {
		subject string
		Schema
	}{
		{subject("string"), Schema{Type: Avro, Text: `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`}},
		{subject("object"), Schema{Type: JSON, Text: `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`}},
		{currency, Schema{Type: Protobuf, Text: "syntax = \"proto3\";\npackage c;\nmessage Currency { string code = 1; }\n"}},
		{money, Schema{
			Type: Protobuf, Text: "syntax = \"proto3\";\npackage m;\nimport \"currency.proto\";\nmessage Money { c.Currency in = 1; }\n",
			References: []Reference{{Name: "currency.proto", Subject: currency, Version: 1}},
		}},
		{subject("order"), Schema{
			Type: Protobuf, Text: "syntax = \"proto3\";\nimport \"money.proto\";\nmessage Order { m.Money total = 1; }\n",
			References: []Reference{{Name: "money.proto", Subject: money, Version: 1}},
		}},
	}
	var order int32
	for _, draft := range drafts {
		_, err := r.Latest(t.Context(), draft.subject)
		requireUnknown(t, err)
		registered, err := r.Register(t.Context(), draft.subject, draft.Schema)
		require.NoError(t, err)
		require.Positive(t, registered.ID)
		s, err := open(t, config).ByID(t.Context(), registered.ID)
		require.NoError(t, err)
		require.Equal(t, draft.Type, s.Type)
		newest, err := r.Latest(t.Context(), draft.subject)
		require.NoError(t, err)
		require.Equal(t, registered.ID, newest.ID)
		looked, err := r.Lookup(t.Context(), draft.subject, draft.Schema)
		require.NoError(t, err)
		require.Equal(t, registered.ID, looked.ID)
		require.Equal(t, draft.Type, looked.Type)
		order = registered.ID
	}
	byID, err := r.ByID(t.Context(), order)
	require.NoError(t, err)
	var names []string
	for _, d := range byID.Dependencies() {
		names = append(names, d.Name)
	}
	require.Equal(t, []string{"currency.proto", "money.proto"}, names)

	_, err = r.ByID(t.Context(), 1_000_000)
	requireUnknown(t, err)
	if _, err = r.ByGUID(t.Context(), wire.GUID{1}); isUnavailable(err) {
		requireOutage(t, err, "cannot look schemas up by GUID")
	} else {
		requireUnknown(t, err)
	}
	testRefusals(t, r, url, subject("evolving"))
	testOutage(t, config, order)
}

func testRefusals(t *testing.T, r *Resolver, url, subject string) {
	t.Helper()
	first := Schema{Type: Avro, Text: `{"type":"record","name":"R","fields":[]}`}
	_, err := r.Register(t.Context(), subject, first)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/config/"+strings.ReplaceAll(subject, "/", "%2F"),
		strings.NewReader(`{"compatibility":"BACKWARD"}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	var rejected *RejectedError
	_, err = r.Register(t.Context(), subject, Schema{Type: Avro, Text: `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`})
	require.ErrorAs(t, err, &rejected)
	require.True(t, rejected.Incompatible, err)
	_, err = r.Register(t.Context(), subject, Schema{Type: Avro, Text: `{"type":"no such type"}`})
	require.ErrorAs(t, err, &rejected)
	require.False(t, rejected.Incompatible, err)
}

// testOutage kills the registry and starts it again, with nothing in it.
func testOutage(t *testing.T, config Config, id int32) {
	t.Helper()
	script := os.Getenv("REGISTRY_SH")
	if script == "" {
		t.Log("REGISTRY_SH is not set: the registry is not of registry.sh run, and is not killed")
		return
	}
	do := func(what string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), script, what).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	do("kill")
	r := open(t, config)
	requireOutage(t, r.Check(t.Context()))
	_, err := r.ByID(t.Context(), 1_000_000)
	requireOutage(t, err)
	_, err = r.ByID(t.Context(), id)
	require.NoError(t, err, "the disk has it")
	do("start")
	require.NoError(t, r.Check(t.Context()))
	_, err = r.ByID(t.Context(), 1_000_000)
	requireUnknown(t, err)
}
