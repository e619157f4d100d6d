package pipeline

import (
	"slices"
	"strings"

	"github.com/troupe-go/troupe/internal/kafka/properties"
)

// checkProperties reports properties of the Kafka client that do not exist, have wrong values, or are the processor's own.
func (b *binder) checkProperties() {
	table := properties.New()
	if n := b.root.at("kafka"); n != nil && n.kind == mapping {
		b.reportProperties(n, table.Check(b.properties("kafka")))
	}
	if n := b.root.at("producer"); n != nil && n.kind == mapping {
		b.reportProperties(n, table.CheckProducer(b.properties("producer")))
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
