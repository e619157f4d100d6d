package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// partitionAnswer is one partition in /api/v1/partitions. What is not known yet is null.
type partitionAnswer struct {
	stream.Partition
	Epoch      uint64           `json:"epoch"`
	Cause      stream.Cause     `json:"cause"`
	Since      *time.Time       `json:"since"`
	Detail     string           `json:"detail,omitempty"`
	Received   int64            `json:"received"`
	Ledger     map[string]int64 `json:"ledger"`
	Start      *int64           `json:"start"`
	Watermark  *int64           `json:"watermark"`
	Committed  *int64           `json:"committed"`
	End        *int64           `json:"end"`
	Lag        *int64           `json:"lag"`
	LagSeconds float64          `json:"lag_seconds"`
	HeldBytes  int64            `json:"held_bytes"`
	Oldest     *oldestAnswer    `json:"oldest"`
}

// oldestAnswer is the record that holds the commit back.
type oldestAnswer struct {
	Offset     int64   `json:"offset"`
	AgeSeconds float64 `json:"age_seconds"`
	Attempt    int32   `json:"attempt"`
	State      string  `json:"state"`
	LastError  string  `json:"last_error,omitempty"`
}

func (s *Server) partitions(w http.ResponseWriter, _ *http.Request) {
	status := s.processor.Status()
	answers := make([]partitionAnswer, len(status.Partitions))
	for i := range status.Partitions {
		answers[i] = s.describePartition(&status.Partitions[i])
	}
	answer(w, struct {
		Partitions []partitionAnswer `json:"partitions"`
	}{answers})
}

func (s *Server) describePartition(p *stream.PartitionStatus) partitionAnswer {
	a := partitionAnswer{
		Partition:  p.Partition,
		Epoch:      p.Epoch,
		Cause:      p.Cause,
		Since:      moment(p.Since),
		Detail:     p.Detail,
		Received:   p.Ledger.Received,
		Ledger:     ledgerByName(&p.Ledger),
		Start:      known(p.Start),
		Watermark:  known(p.Watermark),
		Committed:  known(p.Committed),
		End:        known(p.End),
		Lag:        known(p.Lag()),
		LagSeconds: p.LagSeconds,
		HeldBytes:  p.HeldBytes,
	}
	if o := p.Oldest; o != nil {
		a.Oldest = &oldestAnswer{o.Offset, s.secondsSince(o.Since), o.Attempt, o.State.String(), o.LastError}
	}
	return a
}

// known gives nil for the -1 of what is not known.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// pauseOrResume acts on one partition that this process owns.
func (s *Server) pauseOrResume(pause bool) http.Handler {
	act, doing := s.processor.Resume, "resuming"
	if pause {
		act, doing = s.processor.Pause, "pausing"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if no := discardBody(r); no != nil {
			refuse(w, no.status, no.reason)
			return
		}
		partition, no := partitionOf(r)
		if no != nil {
			refuse(w, no.status, no.reason)
			return
		}
		if !s.assigned(partition) {
			refuseUnassigned(w, partition)
			return
		}
		if err := act(partition); err != nil {
			if !s.assigned(partition) { // lost in between
				refuseUnassigned(w, partition)
				return
			}
			refuse(w, http.StatusConflict, fmt.Sprintf("%s %s: %v", doing, partition, err))
			return
		}
		answer(w, struct {
			stream.Partition
			Paused bool `json:"paused"`
		}{partition, pause})
	})
}

func refuseUnassigned(w http.ResponseWriter, p stream.Partition) {
	refuse(w, http.StatusNotFound, fmt.Sprintf("%s is not assigned to this process; /api/v1/partitions lists those that are", p))
}

func (s *Server) assigned(partition stream.Partition) bool {
	return slices.ContainsFunc(s.processor.Status().Partitions, func(p stream.PartitionStatus) bool {
		return p.Partition == partition
	})
}

// discardBody reads a body that nobody asked for, within the limit.
func discardBody(r *http.Request) *refusal {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return &refusal{http.StatusRequestEntityTooLarge, "this request takes no body"}
		}
		return &refusal{http.StatusBadRequest, "the request's body could not be read"}
	}
	return nil
}
