package admin

import (
	"net/http"

	"github.com/troupe-go/troupe/stream"
)

// healthz asks whether a restart of the process would help. A broker or a dependency that is down is none of its business:
// a restart does not bring it back.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if faults := s.processor.Status().Faults; len(faults) > 0 {
		text(w, http.StatusServiceUnavailable, faults...)
		return
	}
	text(w, http.StatusOK, "ok")
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	status := s.processor.Status()
	if reason := notReady(&status); reason != "" {
		text(w, http.StatusServiceUnavailable, reason)
		return
	}
	text(w, http.StatusOK, "ok")
}

// notReady says why the processor is not ready, or nothing.
func notReady(s *stream.Status) string {
	switch s.Phase {
	case stream.Starting:
		return "starting: has not joined the consumer group yet"
	case stream.Active:
		if !s.Joined {
			return "not a member of the consumer group at present"
		}
		return ""
	case stream.Stopping:
		return "stopping"
	case stream.Stopped:
		return "stopped"
	default:
		return "in an unknown phase"
	}
}
