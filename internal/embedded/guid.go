package embedded

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// guidPath is where a schema is asked for by its GUID.
const guidPath = "/schemas/guids/"

// guidOf gives a schema the same GUID in every registry of this kind (RFC 9562, version 8: any bytes one likes). The fake
// knows none, and without them nobody can be told a schema in a header.
func guidOf(s *sr.Schema) string {
	hash := sha256.New()
	_ = json.NewEncoder(hash).Encode([]any{s.Type, s.Schema, s.References}) // texts and numbers can always be written
	sum := hash.Sum(nil)
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// byGUID answers with the schema of a GUID.
func (r *registry) byGUID(w http.ResponseWriter, request *http.Request) {
	all, err := r.schemas()
	if err != nil {
		refuse(w, http.StatusInternalServerError, 50001, "the schemas could not be listed")
		return
	}
	wanted := strings.ToLower(strings.TrimPrefix(request.URL.Path, guidPath))
	for _, s := range all {
		if s.GUID = guidOf(&s.Schema); s.GUID == wanted {
			s.Subject, s.Version = "", 0 // it may have several
			w.Header().Set("Content-Type", contentType)
			_ = json.NewEncoder(w).Encode(s) // the client has gone away: nothing to do
			return
		}
	}
	refuse(w, http.StatusNotFound, 40403, "schema not found")
}

// withGUID adds the GUID to an answer that is about one schema, or gives the id of one that was registered.
func (r *registry) withGUID(answer *httptest.ResponseRecorder) []byte {
	body := answer.Body.Bytes()
	var fields map[string]json.RawMessage
	if answer.Code != http.StatusOK || json.Unmarshal(body, &fields) != nil {
		return body
	}
	var s sr.Schema
	if fields["schema"] != nil {
		if json.Unmarshal(body, &s) != nil {
			return body
		}
	} else if found := r.byID(fields["id"]); found != nil {
		s = *found
	} else {
		return body
	}
	fields["guid"] = json.RawMessage(`"` + guidOf(&s) + `"`)
	if longer, err := json.Marshal(fields); err == nil {
		return longer
	}
	return body
}

// byID finds the schema of an id, as it stands in an answer. It gives nil where there is none.
func (r *registry) byID(id json.RawMessage) *sr.Schema {
	var wanted int
	if id == nil || json.Unmarshal(id, &wanted) != nil {
		return nil
	}
	all, err := r.schemas()
	if err != nil {
		return nil
	}
	for i := range all {
		if all[i].ID == wanted {
			return &all[i].Schema
		}
	}
	return nil
}
