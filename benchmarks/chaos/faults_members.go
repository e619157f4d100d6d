package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/benchmarks/chaos/verify"
)

// maxMembers is how many members a storm has at most.
const maxMembers = 8

// killMembers kills random members, and launches each again some time later.
func (t *trial) killMembers(ctx context.Context, kills int) error {
	for range kills {
		if err := pause(ctx, t.between(2*time.Second, 7*time.Second)); err != nil {
			return err
		}
		slot := t.pick(t.fleet.running())
		err := t.during("SIGKILL "+t.fleet.member(slot).name, crash, t.fleet.member(slot).kill)
		if err != nil {
			return err
		}
		if err := pause(ctx, t.between(0, 3*time.Second)); err != nil {
			return err
		}
		if _, err := t.fleet.launch(slot); err != nil {
			return err
		}
	}
	return pause(ctx, session+2*time.Second)
}

// restartMembers stops and launches one member after the other.
func (t *trial) restartMembers(ctx context.Context, rounds int) error {
	for range rounds {
		for slot := range t.scenario.Members {
			if err := pause(ctx, t.between(time.Second, 3*time.Second)); err != nil {
				return err
			}
			err := t.during("SIGTERM "+t.fleet.member(slot).name, clean, func() error {
				t.leave(ctx, t.fleet.member(slot))
				m, err := t.fleet.launch(slot)
				if err != nil {
					return err
				}
				return m.awaitReady(ctx)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// leave stops a member. That it is not clean is a finding, and the trial goes on.
func (t *trial) leave(ctx context.Context, m *member) {
	if err := m.leave(ctx); err != nil && ctx.Err() == nil {
		t.violate("%v", err)
	}
}

// storm lets members join and leave, at least every half second. The member in slot 0 stays.
func (t *trial) storm(ctx context.Context, length time.Duration, most int) error {
	over := time.Now().Add(length)
	return t.during("storm", clean, func() error {
		var leaving sync.WaitGroup
		defer leaving.Wait()
		for time.Now().Before(over) {
			if err := pause(ctx, t.between(100*time.Millisecond, 500*time.Millisecond)); err != nil {
				return err
			}
			absent, present := t.stormers(most)
			switch {
			case len(absent) > 0 && (len(present) == 0 || t.random.IntN(2) == 0):
				if _, err := t.fleet.launch(t.pick(absent)); err != nil {
					return err
				}
			case len(present) > 0:
				m := t.fleet.member(t.pick(present))
				m.leaving.Store(true)
				leaving.Go(func() { t.leave(ctx, m) })
			}
		}
		return nil
	})
}

// stormers gives the slots from 1 in which a member may be launched, and those whose member may leave: it may still be on
// its way into the group.
func (t *trial) stormers(most int) (absent, present []int) {
	for slot := 1; slot < most; slot++ {
		m := t.fleet.member(slot)
		switch {
		case m == nil || !m.running():
			absent = append(absent, slot)
		case !m.leaving.Load() && m.answering():
			present = append(present, slot)
		}
	}
	return absent, present
}

// freezeMembers stops a member in its tracks until the group has given it up and a while longer, and lets it go on.
func (t *trial) freezeMembers(ctx context.Context, rounds int) error {
	for range rounds {
		if err := pause(ctx, t.between(4*time.Second, 6*time.Second)); err != nil {
			return err
		}
		m := t.fleet.member(t.pick(t.fleet.running()))
		zombie := verify.Zombie{Name: m.name}
		err := t.during("SIGSTOP "+m.name, frozen, func() error {
			m.frozen.Store(true)
			zombie.FrozenMS = time.Now().UnixMilli()
			if err := m.signal(syscall.SIGSTOP); err != nil {
				return err
			}
			err := pause(ctx, session+t.between(3*time.Second, 8*time.Second))
			zombie.ThawedMS = time.Now().UnixMilli()
			m.thawedAt.Store(zombie.ThawedMS)
			err = errors.Join(err, m.signal(syscall.SIGCONT))
			m.frozen.Store(false)
			return err
		})
		if err != nil {
			return err
		}
		t.zombies = append(t.zombies, frozenMember{zombie, m.events})
		if err := pause(ctx, 8*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// frozenMember is a zombie and the file of its events, to be read when it has ended.
type frozenMember struct {
	verify.Zombie
	events string
}

// successes are the commits that the zombie reported as accepted after its thaw, of what it had owned before the freeze.
func (f frozenMember) successes() ([]verify.Mark, error) {
	before := make(map[uint64]bool)
	var marks []verify.Mark
	err := readEvents(f.events, func(e event) {
		switch {
		case e.Event == "started" && e.Time.UnixMilli() < f.FrozenMS:
			before[e.Epoch] = true
		case e.Event == "committed" && e.Time.UnixMilli() >= f.ThawedMS:
			for _, o := range e.Offsets {
				if before[o.Epoch] {
					marks = append(marks, verify.Mark{Partition: o.Partition, Offset: o.Offset})
				}
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", f.Name, err)
	}
	return marks, nil
}
