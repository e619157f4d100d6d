package actors

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// nursery is a parent of partitions without pollers.
type nursery struct {
	env    *Env
	system *actor.ActorSystem
	pid    *actor.PID
	nobody *actor.PID
	poller *actor.PID
	failed chan messages.Incarnation // what the poller was told
}

func newNursery(t *testing.T, handle stream.HandlerFunc) *nursery {
	t.Helper()
	base, abort := context.WithCancel(t.Context())
	t.Cleanup(abort)
	m := meter.New(meter.Build{})
	n := &nursery{
		env: &Env{
			Dispatcher: NewDispatcher(),
			Settings:   Settings{NewHandler: func(stream.Partition) (stream.Handler, error) { return handle, nil }},
			Meter:      m, Events: NewEvents(m), Account: flow.NewAccount(1 << 20), Pool: NewPool(2), Orphans: NewOrphans(), Parking: flow.NewParking(0),
			Board: NewBoard(), Stop: NewStop(), Loads: NewLoads(), Epochs: &core.Epochs{}, Base: base, Fail: func(error) {},
		},
		system: actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond)),
		nobody: actor.NewPID("nonhost", "nobody"),
		failed: make(chan messages.Incarnation, 10),
	}
	t.Cleanup(n.env.Dispatcher.Close)
	n.poller = n.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, is := ctx.Message().(messages.PartitionFailed); is {
			n.failed <- m.Incarnation
		}
	}))
	n.pid = n.system.Root.Spawn(NewPartitions(n.env))
	return n
}

func (n *nursery) spawn(p stream.Partition, epoch uint64) messages.Incarnation {
	inc := messages.Incarnation{Partition: p, Epoch: epoch}
	n.system.Root.Send(n.pid, spawnPartition{
		start: core.PartitionStart{Incarnation: inc}, share: n.env.Account.Open(p), poller: n.poller, committer: n.nobody,
	})
	return inc
}

func (n *nursery) stop() {
	n.system.Root.Stop(n.pid)
	n.system.Root.Stop(n.poller)
	n.env.Events.Close(time.Second)
	<-time.After(time.Second)
	synctest.Wait()
}

// One poller of the process has lost a partition and does not know it yet; another has been given it.
func TestANewerIncarnationEndsTheOlderOneAndWaitsForItsAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		running, release := make(chan struct{}), make(chan struct{})
		n := newNursery(t, func(context.Context, *stream.Record) error {
			running <- struct{}{}
			<-release
			return nil
		})
		p := stream.Partition{Topic: "orders"}
		older := n.spawn(p, 1)
		synctest.Wait()
		records := func() messages.Records { return messages.Records{Records: []stream.Record{{Topic: "orders"}}} }
		n.system.Root.Send(actor.NewPID(n.pid.Address, n.pid.Id+"/orders-0#1"), records())
		<-running
		newer := n.spawn(p, 2)
		synctest.Wait()
		n.system.Root.Send(actor.NewPID(n.pid.Address, n.pid.Id+"/orders-0#2"), records())
		<-time.After(10 * time.Second)
		synctest.Wait()
		require.Nil(t, n.env.Board.partition(older))
		part := n.env.Board.partition(newer)
		require.NotNil(t, part)
		require.Equal(t, core.LaneAwaitsOrphan, part.crew.standing().Phase)
		require.EqualValues(t, 1, n.env.Handlers.Load())

		late := n.spawn(p, 1) // of a poller that is late
		synctest.Wait()
		require.Nil(t, n.env.Board.partition(late))
		require.NotNil(t, n.env.Board.partition(newer))
		require.Equal(t, 1, n.env.Account.Shares())
		<-time.After(2 * time.Second)
		require.Equal(t, older, <-n.failed, "its poller may begin another, if it still has the partition")
		require.Equal(t, late, <-n.failed)
		require.Empty(t, n.failed)

		release <- struct{}{}
		<-running
		release <- struct{}{}
		n.stop()
		require.Zero(t, n.env.Account.Shares())
	})
}

func TestNothingIsSpawnedOnceTheParentStops(t *testing.T) {
	t.Parallel()
	n := newNursery(t, func(context.Context, *stream.Record) error { return nil })
	share := n.env.Account.Open(stream.Partition{Topic: "orders"})
	parent := &Partitions{env: n.env, ended: true}
	parent.spawn(nil, spawnPartition{share: share})
	require.Empty(t, parent.children)
	require.Zero(t, n.env.Account.Shares(), "its bytes are given back")
	n.system.Root.Stop(n.pid)
	n.env.Events.Close(time.Second)
}

func TestAPollerForgetsWhatItDoesNotOwnAnyMore(t *testing.T) {
	t.Parallel()
	n := newNursery(t, func(context.Context, *stream.Record) error { return nil })
	n.env.Client = memory.NewBroker(memory.Options{}).Client("group", nil)
	consumer, err := n.env.Client.Consumer("one", kafka.OutOfRangeGoOn)
	require.NoError(t, err)
	p := newPoller(guard{}, n.env, 0, consumer)
	inc := messages.Incarnation{Partition: stream.Partition{Topic: "orders"}, Epoch: 1}
	share := n.env.Account.Open(inc.Partition)
	share.SetIntake(flow.IntakeOpen)
	p.shares[inc], p.fedAt[inc], p.clientEnds[inc.Partition], p.brokerEnds[inc.Partition] = share, time.Now(), 7, 8
	require.EqualValues(t, 8, p.end(inc.Partition))
	n.env.Partitions = n.pid
	stopped := make(chan struct{})
	shell := n.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, is := ctx.Message().(*actor.Started); is {
			p.actorCtx = ctx
			p.stopIncarnation(inc)
			close(stopped)
		}
	}))
	<-stopped
	n.system.Root.Stop(shell)
	p.forget([]stream.Partition{inc.Partition})
	require.Empty(t, p.shares)
	require.Empty(t, p.fedAt)
	require.EqualValues(t, -1, p.end(inc.Partition))
	require.Empty(t, n.env.Account.Holdings(), "the budget does not count on it")
	require.NoError(t, consumer.Close(t.Context()))
	n.system.Root.Stop(n.pid)
	n.env.Events.Close(time.Second)
}

// A revoke may end before the poller hears that the actor it asked for has begun.
func TestAnIncarnationWhoseActorIsNotKnownYetIsStoppedAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNursery(t, func(context.Context, *stream.Record) error { return nil })
		n.env.Client = memory.NewBroker(memory.Options{}).Client("group", nil)
		n.env.Partitions = n.pid
		consumer, err := n.env.Client.Consumer("one", kafka.OutOfRangeGoOn)
		require.NoError(t, err)
		inc := n.spawn(stream.Partition{Topic: "orders"}, 1)
		synctest.Wait()
		require.NotNil(t, n.env.Board.partition(inc))
		p := newPoller(guard{}, n.env, 0, consumer)
		shell := n.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, is := ctx.Message().(*actor.Started); is {
				p.actorCtx = ctx
				p.stopIncarnation(inc)
			}
		}))
		synctest.Wait()
		require.Nil(t, n.env.Board.partition(inc))
		n.system.Root.Stop(shell)
		require.NoError(t, consumer.Close(t.Context()))
		n.stop()
	})
}
