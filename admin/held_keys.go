package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/troupe-go/troupe/stream"
)

// heldKeyAnswer is one held key. The key is null while this process has seen no record of it, the offset while only an
// earlier owner of the partition knew it.
type heldKeyAnswer struct {
	stream.HeldKey
	Offset *int64 `json:"offset"`
}

// heldKeys lists the keys whose records go to the dead letters, because an earlier one of them is there.
func (s *Server) heldKeys(w http.ResponseWriter, _ *http.Request) {
	keys := s.processor.HeldKeys()
	answers := make([]heldKeyAnswer, len(keys))
	for i, k := range keys {
		answers[i] = heldKeyAnswer{k, known(k.Offset)}
	}
	answer(w, struct {
		Keys []heldKeyAnswer `json:"keys"`
	}{answers})
}

// releaseRequest names the keys to release: by their ids, or all of the partition.
type releaseRequest struct {
	IDs []string `json:"ids"`
	All bool     `json:"all"`
}

func (s *Server) releaseKeys(w http.ResponseWriter, r *http.Request) {
	partition, no := partitionOf(r)
	if no != nil {
		refuse(w, no.status, no.reason)
		return
	}
	var request releaseRequest
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&request)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, "the request's body is too large")
	case err != nil || request.All == (len(request.IDs) > 0):
		refuse(w, http.StatusBadRequest, `say which keys: {"ids": ["0123456789abcdef"]}, as /api/v1/held-keys lists them, or {"all": true}`)
	case !s.assigned(partition):
		refuseUnassigned(w, partition)
	default:
		if err := s.processor.ReleaseKeys(partition, request.IDs...); err != nil {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("releasing keys of %s: %v", partition, err))
			return
		}
		answer(w, struct {
			stream.Partition
			Released releaseRequest `json:"released"`
		}{partition, request})
	}
}

// partitionOf reads the partition from the path.
func partitionOf(r *http.Request) (stream.Partition, *refusal) {
	number, err := strconv.ParseInt(r.PathValue("partition"), 10, 32)
	if err != nil || number < 0 {
		return stream.Partition{}, &refusal{http.StatusBadRequest, "the partition must be a whole number from 0"}
	}
	return stream.Partition{Topic: r.PathValue("topic"), Number: int32(number)}, nil
}
