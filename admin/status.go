package admin

import (
	"net/http"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// statusAnswer is the body of /api/v1/status.
type statusAnswer struct {
	Name          string           `json:"name"`
	Version       string           `json:"version,omitempty"`
	Phase         stream.Phase     `json:"phase"`
	Started       *time.Time       `json:"started"`
	UptimeSeconds float64          `json:"uptime_seconds"`
	Joined        bool             `json:"joined"`
	Ready         bool             `json:"ready"`
	NotReady      string           `json:"not_ready,omitempty"`
	Healthy       bool             `json:"healthy"`
	Faults        []string         `json:"faults"`
	InFlight      int              `json:"in_flight"`
	Memory        memoryAnswer     `json:"memory"`
	Partitions    int              `json:"partitions"`
	Causes        map[string]int   `json:"causes"`
	Received      int64            `json:"received"`
	Ledger        map[string]int64 `json:"ledger"`
	// Lag adds up the partitions whose lag is known; LagUnknown counts the others.
	Lag        int64           `json:"lag"`
	LagUnknown int             `json:"lag_unknown"`
	Circuits   []circuitAnswer `json:"circuits"`
}

type memoryAnswer struct {
	UsedBytes        int64 `json:"used_bytes"`
	OutputsBytes     int64 `json:"outputs_bytes"`
	DeadLettersBytes int64 `json:"dead_letters_bytes"`
	LimitBytes       int64 `json:"limit_bytes"`
}

type circuitAnswer struct {
	Name      string     `json:"name"`
	Open      bool       `json:"open"`
	Since     *time.Time `json:"since"`
	Waiting   int        `json:"waiting"`
	LastError string     `json:"last_error,omitempty"`
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	status := s.processor.Status()
	answer(w, s.describe(&status))
}

func (s *Server) describe(status *stream.Status) statusAnswer {
	reason := notReady(status)
	a := statusAnswer{
		Name:       status.Name,
		Version:    s.options.Version,
		Phase:      status.Phase,
		Started:    moment(status.Started),
		Joined:     status.Joined,
		Ready:      reason == "",
		NotReady:   reason,
		Healthy:    len(status.Faults) == 0,
		Faults:     append([]string{}, status.Faults...),
		InFlight:   status.InFlight,
		Memory:     memoryAnswer{status.MemoryUsed, status.MemoryOutputs, status.MemoryDeadLetters, status.MemoryLimit},
		Partitions: len(status.Partitions),
		Causes:     map[string]int{},
		Circuits:   make([]circuitAnswer, len(status.Circuits)),
	}
	if a.Started != nil {
		a.UptimeSeconds = s.secondsSince(status.Started)
	}
	total := stream.Ledger{}
	for i := range status.Partitions {
		p := &status.Partitions[i]
		a.Causes[p.Cause.String()]++
		total.Received += p.Ledger.Received
		for state, n := range p.Ledger.States {
			total.States[state] += n
		}
		if lag := p.Lag(); lag >= 0 {
			a.Lag += lag
		} else {
			a.LagUnknown++
		}
	}
	a.Received, a.Ledger = total.Received, ledgerByName(&total)
	for i, c := range status.Circuits {
		a.Circuits[i] = circuitAnswer{c.Name, c.Open, moment(c.Since), c.Waiting, c.LastError}
	}
	return a
}

func ledgerByName(l *stream.Ledger) map[string]int64 {
	named := make(map[string]int64, stream.StateCount)
	for state, n := range l.States {
		named[stream.State(state).String()] = n
	}
	return named
}

// moment gives a time for JSON: UTC, and null for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (s *Server) secondsSince(t time.Time) float64 { return max(s.now().Sub(t).Seconds(), 0) }
