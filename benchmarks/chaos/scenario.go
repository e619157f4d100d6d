package chaos

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/benchmarks/chaos/verify"
)

// The group protocols, as group.protocol names them: the classic one with cooperative-sticky assignment, and KIP-848.
const (
	Classic  = "classic"
	Consumer = "consumer"
)

// The orders, as the pipeline's setting names them.
const (
	ByPartition = verify.ByPartition
	ByKey       = verify.ByKey
	Unordered   = verify.Unordered
)

// Scenario is what is done to a pipeline while records flow.
type Scenario struct {
	// Name is how it is chosen, About what the table says of it.
	Name, About string
	// Members at the start, in the slots from 0.
	Members int
	// Rate is records a second.
	Rate int
	// Proxied members reach the brokers through the proxies only.
	Proxied bool
	// PoisonPerMille is how many of a thousand records must become dead letters.
	PoisonPerMille int
	// NoDeadLetters has no dead-letter topic at the start.
	NoDeadLetters bool
	// Causes must all have been named by partitions that stood still.
	Causes []string
	// Calm scenarios silence no member, so that a session must not end: it is long enough for a machine that is busy.
	Calm bool
	// Settings are further lines of the pipeline.
	Settings string
	// Metered scenarios must not let the member in slot 0 grow, which lives through all of it.
	Metered bool
	// do does it. It returns when what it did is over, the members of its choice running.
	do func(ctx context.Context, t *trial) error
}

// Size is how much is done.
type Size struct {
	// Kills are of members; Rounds how often other faults are repeated.
	Kills, Rounds int
	// Storm is how long members join and leave, MeteredStorm likewise while the survivor's memory is watched.
	Storm, MeteredStorm time.Duration
	// Blackout is how long all brokers are gone.
	Blackout time.Duration
}

// Full is what `make chaos` does, Short what continuous integration does.
func Full() Size {
	return Size{Kills: 10, Rounds: 2, Storm: time.Minute, MeteredStorm: 4 * time.Minute, Blackout: 5 * time.Minute}
}

// Short is the size for continuous integration.
func Short() Size {
	return Size{Kills: 3, Rounds: 1, Storm: 25 * time.Second, MeteredStorm: time.Minute, Blackout: 30 * time.Second}
}

// session is how soon a member that is silent is given up.
func (s Scenario) session() time.Duration {
	if s.Calm {
		return calmSession
	}
	return session
}

// Scenarios are all there are.
func Scenarios(size Size) []Scenario {
	return []Scenario{
		{
			Name: "sigkill", About: "members killed with SIGKILL at random times and launched again", Members: 3, Rate: 2000,
			PoisonPerMille: 2, do: func(ctx context.Context, t *trial) error { return t.killMembers(ctx, size.Kills) },
		},
		{
			Name: "rolling", Calm: true, About: "three members restarted one after the other with SIGTERM", Members: 3, Rate: 2000,
			PoisonPerMille: 2, do: func(ctx context.Context, t *trial) error { return t.restartMembers(ctx, size.Rounds) },
		},
		{
			Name: "storm", Calm: true, About: "members join and leave at least every 500 ms, 1 to 8 of them", Members: 3, Rate: 1500,
			PoisonPerMille: 2, do: func(ctx context.Context, t *trial) error { return t.storm(ctx, size.Storm, maxMembers) },
		},
		{
			Name: "zombie", About: "a member frozen with SIGSTOP past its session, then thawed", Members: 3, Rate: 2000,
			PoisonPerMille: 2, do: func(ctx context.Context, t *trial) error { return t.freezeMembers(ctx, size.Rounds) },
		},
		{
			Name: "leader-kill", About: "the leader of an input partition killed, back after some seconds", Members: 3, Rate: 2000,
			PoisonPerMille: 2, do: func(ctx context.Context, t *trial) error { return t.killLeaders(ctx, size.Rounds) },
		},
		{
			Name: "coordinator-kill", About: "the group's coordinator killed, back after some seconds", Members: 3, Rate: 2000,
			PoisonPerMille: 2, do: func(ctx context.Context, t *trial) error { return t.killCoordinators(ctx, size.Rounds) },
		},
		{
			Name: "commit-kill", About: "likewise, while members commit all the time", Members: 3, Rate: 2000, PoisonPerMille: 2,
			Settings: "commit: {records: 20, interval: 50ms}\n",
			do:       func(ctx context.Context, t *trial) error { return t.killCoordinators(ctx, size.Rounds) },
		},
		{
			Name: "latency", Calm: true, About: "200 ms on the way to the brokers and 200 ms back, each give or take 100 ms", Members: 3, Rate: 1000,
			Proxied: true, PoisonPerMille: 2, do: func(ctx context.Context, t *trial) error { return t.delay(ctx) },
		},
		{
			Name: "resets", About: "connections reset again and again", Members: 3, Rate: 1500, Proxied: true, PoisonPerMille: 2,
			do: func(ctx context.Context, t *trial) error { return t.reset(ctx, 2*size.Rounds) },
		},
		{
			Name: "half-open", About: "connections that let nothing pass and do not end, past the session", Members: 3, Rate: 1500,
			Proxied: true, PoisonPerMille: 2, do: func(ctx context.Context, t *trial) error { return t.halfOpen(ctx, size.Rounds) },
		},
		{
			Name: "blackout", About: "all brokers killed, back after " + size.Blackout.String(), Members: 3, Rate: 1500, PoisonPerMille: 2,
			do: func(ctx context.Context, t *trial) error { return t.blackout(ctx, size.Blackout) },
		},
		{
			Name: "outage", About: "all brokers killed, back after " + size.Blackout.String() + "; then a leader killed", Members: 3,
			Rate: 1500, PoisonPerMille: 2, do: func(ctx context.Context, t *trial) error {
				if err := t.blackout(ctx, size.Blackout); err != nil {
					return err
				}
				return t.killLeaders(ctx, 1)
			},
		},
		{
			Name: "dead-letters", Calm: true, About: "the dead-letter topic is missing for a while, and later takes nothing of any size", Members: 3, Rate: 1500,
			PoisonPerMille: 10, NoDeadLetters: true, Causes: []string{"dead-letter-unavailable", "dead-letter-too-large"}, do: func(ctx context.Context, t *trial) error { return t.refuseDeadLetters(ctx) },
		},
		{
			Name: "memory", Calm: true, About: "a storm of " + size.MeteredStorm.String() + " whose first member must not grow", Members: 3, Rate: 800,
			PoisonPerMille: 2, Metered: true,
			do: func(ctx context.Context, t *trial) error { return t.storm(ctx, size.MeteredStorm, 4) },
		},
	}
}
