package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// fleet are the members of a trial, by their slots. Each life of a slot is a process of its own, with logs of its own.
type fleet struct {
	program, pipeline, folder string

	mu    sync.Mutex
	slots []*member // the last of each, nil where none was launched yet
	lives []int
	all   []*member // every life of every slot
}

// launch starts a member in a slot.
func (f *fleet) launch(slot int) (*member, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.slots) <= slot {
		f.slots, f.lives = append(f.slots, nil), append(f.lives, 0)
	}
	f.lives[slot]++
	m, err := launchMember(f.program, f.pipeline, f.folder, fmt.Sprintf("m%d.%d", slot, f.lives[slot]))
	if err != nil {
		return nil, err
	}
	f.slots[slot] = m
	f.all = append(f.all, m)
	return m, nil
}

// running gives the slots whose member runs and was not told to end.
func (f *fleet) running() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []int
	for slot, m := range f.slots {
		if m != nil && m.running() && !m.leaving.Load() {
			list = append(list, slot)
		}
	}
	return list
}

// member gives the last one of a slot, nil where there was none.
func (f *fleet) member(slot int) *member {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slot >= len(f.slots) {
		return nil
	}
	return f.slots[slot]
}

// members gives every life of every slot.
func (f *fleet) members() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

// startAll launches that many members and waits until all have joined.
func (f *fleet) startAll(ctx context.Context, count int) error {
	for slot := range count {
		if _, err := f.launch(slot); err != nil {
			return err
		}
	}
	for slot := range count {
		if err := f.member(slot).awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// leaveAll stops all members cleanly, at once. The errors say who was not clean.
func (f *fleet) leaveAll(ctx context.Context) error {
	slots := f.running()
	results := make([]error, len(slots))
	var all sync.WaitGroup
	for i, slot := range slots {
		all.Go(func() { results[i] = f.member(slot).leave(ctx) })
	}
	all.Wait()
	return errors.Join(results...)
}

// killAll ends whatever still runs.
func (f *fleet) killAll() {
	for _, m := range f.members() {
		if m.running() {
			_ = m.kill() // it may have ended meanwhile
		}
	}
}

// deserters are members that ended without having been told to.
func (f *fleet) deserters() []string {
	var list []string
	for _, m := range f.members() {
		if !m.running() && !m.leaving.Load() {
			list = append(list, fmt.Sprintf("%s ended by itself: %s", m.name, m.command.ProcessState))
		}
	}
	return list
}
