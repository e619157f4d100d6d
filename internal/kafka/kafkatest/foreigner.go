package kafkatest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// foreigner is a member of a classic group that speaks only when it is told to. The others wait for it in every rebalance.
type foreigner struct {
	e      *env
	client *kgo.Client
	id     string
}

func newForeigner(e *env) *foreigner {
	e.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(e.broker.Bootstrap()))
	require.NoError(e.t, err)
	e.t.Cleanup(client.Close)
	return &foreigner{e: e, client: client}
}

// join asks to be let into the group, once more if it is in already, which ends with the rebalance: the channel is closed then.
func (f *foreigner) join() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := kmsg.NewPtrJoinGroupRequest()
		r.Group, r.MemberID, r.ProtocolType = f.e.group, f.id, "consumer"
		r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 45_000, 45_000
		subscription := kmsg.NewConsumerMemberMetadata()
		subscription.Version, subscription.Topics = 1, []string{f.e.topic}
		for _, name := range []string{"cooperative-sticky", "range", "roundrobin"} {
			protocol := kmsg.NewJoinGroupRequestProtocol()
			protocol.Name, protocol.Metadata = name, subscription.AppendTo(nil)
			r.Protocols = append(r.Protocols, protocol)
		}
		for {
			answer, err := r.RequestWith(f.e.t.Context(), f.client)
			if err != nil {
				return // the test has ended
			}
			f.id, r.MemberID = answer.MemberID, answer.MemberID
			if !errors.Is(kerr.ErrorForCode(answer.ErrorCode), kerr.MemberIDRequired) {
				return
			}
		}
	}()
	return done
}

func (f *foreigner) leave() {
	f.e.t.Helper()
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Group, r.MemberID = f.e.group, f.id
	member := kmsg.NewLeaveGroupRequestMember()
	member.MemberID = f.id
	r.Members = append(r.Members, member)
	_, err := r.RequestWith(f.e.t.Context(), f.client)
	require.NoError(f.e.t, err)
}

// isOver says whether a channel is closed.
func isOver(c <-chan struct{}) func() bool {
	return func() bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
}

// idleMemberLeaves: a member that owns nothing is closed while the group waits for another one. It must not stay behind as one
// for whom everybody waits until its session ends.
func idleMemberLeaves(t *testing.T, e *env) {
	e.shared(1)
	if !e.facts.SessionTimeout || e.broker.Bootstrap() == "" {
		t.Skip("nobody waits for a member in this group protocol")
	}
	owner := e.assigned(1, "session.timeout.ms", "45000")
	idle := e.join("session.timeout.ms", "45000")
	e.until("the second member", func() bool { return idle.assignments > 0 }, owner, idle)
	e.settle(owner, idle)

	first, second := newForeigner(e), newForeigner(e)
	e.until("the first foreigner", isOver(first.join()), owner, idle)
	joined := second.join()
	e.rounds(40, owner, idle) // both hear of it and join again
	require.False(t, isOver(joined)(), "all wait for the first foreigner")

	closed := make(chan struct{})
	var closeErr error
	go func() {
		defer close(closed)
		closeErr = idle.close(e.facts.takeover())
	}()
	e.rounds(5, owner)
	rejoined := first.join()
	e.until("the rebalance", isOver(rejoined), owner)
	e.until("the second foreigner", isOver(joined), owner)
	e.until("the close", isOver(closed), owner)
	require.NoError(t, closeErr)
	first.leave()
	second.leave()
	require.NoError(t, owner.close(e.facts.takeover()))

	next := e.join("session.timeout.ms", "45000")
	e.within(20*time.Second, "the next member, which waits for nobody", func() bool { return len(next.owned) == 1 }, next)
}
