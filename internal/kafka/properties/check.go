package properties

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing wrong with a set of properties.
type Fault struct {
	Name       string // the property
	Message    string // what is wrong, without the name
	Suggestion string // another name or value to use; may be empty
}

func (f Fault) String() string {
	s := f.Name + ": " + f.Message
	if f.Suggestion != "" {
		s += "; " + f.Suggestion
	}
	return s
}

// Check gives all faults of the properties for consumers and producers together, sorted by name.
func (t *Table) Check(kafka map[string]string) []Fault {
	faults := t.each(kafka)
	faults = append(faults, t.required(kafka)...)
	faults = append(faults, group(kafka)...)
	faults = append(faults, security(kafka)...)
	faults = append(faults, t.safety(kafka)...)
	return sorted(faults)
}

// CheckProducer gives all faults of properties that override those of producers, sorted by name.
func (t *Table) CheckProducer(overrides map[string]string) []Fault {
	faults := t.each(overrides)
	for name := range overrides {
		if scope, known := t.Scope(name); known && scope == Consumer && t.owned[name] == "" {
			faults = append(faults, Fault{name, "belongs to consumers", "set it under kafka"})
		}
	}
	return sorted(append(faults, t.safety(overrides)...))
}

func sorted(faults []Fault) []Fault {
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.String(), b.String()) })
	return faults
}

func (t *Table) each(given map[string]string) []Fault {
	var faults []Fault
	spelling := make(map[string]string, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if reason := t.owned[name]; reason != "" {
			faults = append(faults, Fault{name, "may not be set: " + reason, "remove it"})
			continue
		}
		p, known := t.known[name]
		if !known {
			faults = append(faults, Fault{name, "there is no such property", t.nearest(name)})
			continue
		}
		if message := p.fault(given[name]); message != "" {
			faults = append(faults, Fault{name, message, ""})
		}
		if other := spelling[t.canonical(name)]; other != "" {
			faults = append(faults, Fault{name, "is the same property as " + other, "set one of them"})
		}
		spelling[t.canonical(name)] = name
	}
	return faults
}

func (t *Table) required(given map[string]string) []Fault {
	var faults []Fault
	if given["bootstrap.servers"] == "" && given["metadata.broker.list"] == "" {
		faults = append(faults, Fault{"bootstrap.servers", "is missing", "give brokers as host:port,host:port"})
	}
	if given["group.id"] == "" {
		faults = append(faults, Fault{"group.id", "is missing", "offsets are committed under this name"})
	}
	return faults
}

func group(given map[string]string) []Fault {
	var faults []Fault
	if strings.EqualFold(given["group.protocol"], "consumer") {
		for name, remedy := range map[string]string{
			"session.timeout.ms":            "set the group's consumer.session.timeout.ms on the broker, and remove it here",
			"heartbeat.interval.ms":         "set the group's consumer.heartbeat.interval.ms on the broker, and remove it here",
			"partition.assignment.strategy": "set group.remote.assignor to uniform or range instead",
		} {
			if _, set := given[name]; set {
				faults = append(faults, Fault{name, "the broker decides it with group.protocol consumer", remedy})
			}
		}
		return faults
	}
	if _, set := given["group.remote.assignor"]; set {
		faults = append(faults, Fault{
			"group.remote.assignor", "belongs to group.protocol consumer", "set partition.assignment.strategy instead",
		})
	}
	poll, session := whole(given, "max.poll.interval.ms", 300_000), whole(given, "session.timeout.ms", 45_000)
	if poll < session {
		faults = append(faults, Fault{
			"max.poll.interval.ms", fmt.Sprintf("%d is less than session.timeout.ms, %d", poll, session),
			"raise it or lower session.timeout.ms",
		})
	}
	if given["group.instance.id"] != "" && whole(given, "heartbeat.interval.ms", 3_000) >= session {
		faults = append(faults, Fault{"heartbeat.interval.ms", "is not less than session.timeout.ms", "a third of it is usual"})
	}
	return append(faults, assignors(given)...)
}

// assignors refuses what a group cannot agree on: the eager and the cooperative protocol in one list.
func assignors(given map[string]string) []Fault {
	const name = "partition.assignment.strategy"
	eager, cooperative := 0, 0
	for a := range strings.SplitSeq(given[name], ",") {
		switch strings.TrimSpace(a) {
		case "":
		case "range", "roundrobin":
			eager++
		case "cooperative-sticky":
			cooperative++
		default:
			return []Fault{{name, fmt.Sprintf("%q is none of cooperative-sticky, range, roundrobin", a), ""}}
		}
	}
	if eager > 0 && cooperative > 0 {
		return []Fault{{name, "mixes eager and cooperative assignors", "cooperative-sticky alone is the default"}}
	}
	return nil
}

func security(given map[string]string) []Fault {
	var faults []Fault
	protocol := strings.ToLower(given["security.protocol"])
	mechanism := strings.ToUpper(given["sasl.mechanism"] + given["sasl.mechanisms"])
	if mechanism != "" && !strings.HasPrefix(protocol, "sasl_") {
		faults = append(faults, Fault{
			"security.protocol", "says nothing of SASL, so the mechanism " + mechanism + " would not be used",
			"set sasl_ssl or sasl_plaintext",
		})
	}
	tokens := strings.EqualFold(given["sasl.oauthbearer.method"], "oidc") || given["enable.sasl.oauthbearer.unsecure.jwt"] == "true"
	if mechanism == "OAUTHBEARER" && !tokens {
		faults = append(faults, Fault{
			"sasl.oauthbearer.method", "the default method needs a token callback, which there is none of", "set oidc",
		})
	}
	return faults
}

// safety refuses what would make an acknowledgement of the broker mean less than "written for good".
func (t *Table) safety(given map[string]string) []Fault {
	var faults []Fault
	idempotent := !slices.Contains([]string{"false", "f", "0"}, strings.ToLower(given["enable.idempotence"]))
	for name, value := range given {
		switch t.canonical(name) {
		case "message.timeout.ms":
			if value != "0" {
				faults = append(faults, Fault{
					name, "must be 0: the producer tries for as long as it takes, since giving up would lose the order", "remove it",
				})
			}
		case "request.required.acks":
			if idempotent && value != "all" && value != "-1" {
				faults = append(faults, Fault{
					name, value + " lets the broker acknowledge what it may still lose",
					"set all, or enable.idempotence to false if that is meant",
				})
			}
		case "max.in.flight.requests.per.connection":
			if n, err := strconv.Atoi(value); idempotent && err == nil && n > 5 {
				faults = append(faults, Fault{
					name, "more than 5 may write out of order", "set 5 or less, or enable.idempotence to false if that is meant",
				})
			}
		case "partitioner":
			if !slices.Contains(partitioners(), value) {
				faults = append(faults, Fault{name, fmt.Sprintf("%q is none of %s", value, strings.Join(partitioners(), ", ")), ""})
			}
		}
	}
	return faults
}

func partitioners() []string {
	return []string{"random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"}
}

func whole(given map[string]string, name string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(given[name], 10, 64); err == nil {
		return n
	}
	return otherwise
}
