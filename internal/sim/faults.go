package sim

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Fault is a class of things that go wrong.
type Fault uint8

// The classes of faults. Each has a random stream of its own, so that to leave one out changes the others as little as
// possible.
const (
	Crash           Fault = iota // a process ends without a word
	Freeze                       // a process stands still, perhaps past its session, and goes on with what it believed
	Stop                         // a process is asked to stop, and starts again
	Abort                        // likewise, and is then told to give up what is in flight
	Storm                        // more members join for a while
	PollerFails                  // a consumer fails for good
	ActorFails                   // a partition's actor panics, or its client cannot read it any more
	CoordinatorAway              // nobody answers for the group
	BrokerAway                   // nobody answers at all, the coordinator excepted
	CommitLost                   // a commit is lost on its way
	CommitApplied                // a commit is applied and its answer lost
	CommitSlow                   // a commit takes long
	MetadataLimit                // the broker takes less metadata than usual
	OutputAway                   // the output topic takes nothing for a while
	OutputRefused                // the broker refuses an output for itself
	ProducerFails                // a producer fails for good, or gives a message back; what it had may be written
	LetterAway                   // the dead-letter topic cannot be written for a while
	LetterTooLarge               // a dead letter is too large until somebody raises the limit
	HandlerSlow
	HandlerFails // errors and RetryAfter
	HandlerPanics
	HandlerHangs   // past its timeout; it heeds its context
	HandlerStuck   // past its timeout; it does not
	HandlerRefuses // Permanent
	HandlerSkips
	Poison           // a record that fails every time
	DependencyDown   // Unavailable, of every record
	DependencyPoison // Unavailable, of one record only, for ever
	FactoryFails     // NewHandler gives an error
	Growth           // topics get more partitions
	Gaps             // offsets that no record has
	Retention        // the log's start overtakes what was not read yet, or records that were handled are compacted away
	Recreation       // a topic is deleted and made again
	OperatorPauses
	MemoryFull // a small budget
	Laggards   // actors and goroutines that wait long for their turn
	LookupFails
	LettersOff // no dead letters: what cannot be handled is dropped
	Mirrored   // the group begins with offsets whose metadata was written for others, or is damaged
	Stored     // an offset store says where partitions begin, behind or ahead of what is committed
	StartFails // the client refuses to deliver a partition that it owns
	BadKey     // every record of one key fails, until faults stop
	Outage     // most attempts fail for a while, and no record says why
	faultCount = int(Outage) + 1
)

var faultNames = [faultCount]string{
	"crash", "freeze", "stop", "abort", "storm", "poller-fails", "actor-fails", "coordinator-away", "broker-away",
	"commit-lost", "commit-applied", "commit-slow", "metadata-limit", "output-away", "output-refused", "producer-fails",
	"letter-away", "letter-too-large", "handler-slow", "handler-fails", "handler-panics", "handler-hangs", "handler-stuck",
	"handler-refuses", "handler-skips", "poison", "dependency-down", "dependency-poison", "factory-fails", "growth", "gaps",
	"retention", "recreation", "operator-pauses", "memory-full", "laggards", "lookup-fails", "letters-off", "mirrored", "stored", "start-fails",
	"bad-key", "outage",
}

func (f Fault) String() string { return faultNames[f] }

// Faults is a set of classes.
type Faults uint64

// AllFaults is every class.
const AllFaults = Faults(1<<faultCount - 1)

// Has says whether the set holds a class.
func (s Faults) Has(f Fault) bool { return s&(1<<f) != 0 }

// With is the set and a class.
func (s Faults) With(f Fault) Faults { return s | 1<<f }

// Without is the set without a class.
func (s Faults) Without(f Fault) Faults { return s &^ (1 << f) }

// Each gives the classes of the set.
func (s Faults) Each(yield func(Fault) bool) {
	for rest := s; rest != 0; rest &= rest - 1 {
		if !yield(Fault(bits.TrailingZeros64(uint64(rest)))) {
			return
		}
	}
}

func (s Faults) String() string {
	var names []string
	for f := range s.Each {
		names = append(names, f.String())
	}
	return strings.Join(names, ",")
}

// ParseFaults reads what String wrote.
func ParseFaults(text string) (Faults, error) {
	var s Faults
	for name := range strings.SplitSeq(text, ",") {
		if name == "" {
			continue
		}
		i := slices.Index(faultNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("there is no fault %q; there are %s", name, AllFaults)
		}
		s = s.With(Fault(i))
	}
	return s, nil
}
