package pipeline

import (
	"slices"
	"strings"

	"github.com/troupe-go/troupe/internal/kafka/clients"
	"github.com/troupe-go/troupe/internal/kafka/properties"
)

// checkProperties reports properties of the Kafka client that do not exist, have wrong values, or are the processor's own.
func (b *binder) checkProperties() {
	table := properties.New()
	client := b.text("client")
	if err := clients.Check(client); err != nil {
		if n := b.root.at("client"); n != nil && slices.Contains([]string{clients.Confluent, clients.Franz}, client) {
			b.report.add(n, "%v", err) // of others the schema speaks
		}
		client = ""
	}
	if n := b.root.at("kafka"); n != nil && n.kind == mapping {
		given := b.properties("kafka")
		b.reportProperties(n, append(table.Check(given), clients.Faults(client, given)...))
	}
	if n := b.root.at("producer"); n != nil && n.kind == mapping {
		given := b.properties("producer")
		b.reportProperties(n, append(table.CheckProducer(given), clients.Faults(client, given)...))
	}
}

func (b *binder) reportProperties(parent *node, faults []properties.Fault) {
	for _, fault := range faults {
		at := *parent
		at.path = join(parent.path, fault.Name)
		if slices.ContainsFunc(b.report.faults, func(f Fault) bool { return f.Path == at.path }) {
			continue // the schema has reported it
		}
		if value := parent.child(fault.Name); value != nil {
			at = *value
		}
		message, suggestion := fault.Message, fault.Suggestion
		if at.isSecret() && strings.Contains(message, at.text) && at.text != "" {
			message = "the value is not what this property takes"
		}
		if name, ok := strings.CutPrefix(suggestion, "did you mean "); ok {
			at = *parent.key(fault.Name)
			suggestion = strings.TrimSuffix(name, "?")
		} else if suggestion != "" {
			message, suggestion = message+"; "+suggestion, ""
		}
		b.report.suggest(&at, suggestion, "%s", message)
	}
}
