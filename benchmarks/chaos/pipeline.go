package chaos

import (
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	inputPartitions      = 12
	deadLetterPartitions = 3
	// session is how soon a member that is silent is given up: the least that Kafka allows by default.
	session = 6 * time.Second
	// calmSession is Kafka's own default.
	calmSession = 45 * time.Second
)

// pipelineFile is what every member runs. A record that says it is poison fails for good; all others pass byte for byte.
const pipelineFile = `name: chaos
client: %s
kafka:
  bootstrap.servers: %q
  group.id: %q
  group.protocol: %s
  auto.offset.reset: earliest
%sinput:
  topics: [%q]
  format: json
steps:
  - filter: 'if .poison then error("poison") else true end'
output:
  kafka: {topic: %q}
dead_letter: {topic: %q, envelope: raw, create: false}
memory: 64MiB
admin: {listen: "127.0.0.1:0"}
log: {format: json}
order: %s
%s%s`

// beside are the settings where records are handled beside one another, by members that fail now and then: a record that fails
// is parked, with those behind it of its key.
const beside = `concurrency: 32
retry: {max_attempts: 20, initial: 100ms, multiplier: 2, max: 800ms}
`

// classicSettings are for the classic protocol; with the consumer protocol they are the group's, on the brokers.
const classicSettings = `  partition.assignment.strategy: cooperative-sticky
  session.timeout.ms: %d
  heartbeat.interval.ms: 500
`

// writePipeline writes the configuration of a trial's members.
func (t *trial) writePipeline(path string) error {
	bootstrap := t.cluster.addresses(0)
	if t.scenario.Proxied {
		bootstrap = t.cluster.addresses(proxyPort)
	}
	protocol := ""
	if t.Protocol == Classic {
		protocol = fmt.Sprintf(classicSettings, t.scenario.session().Milliseconds())
	}
	settings := ""
	if t.Order != ByPartition {
		settings = beside
	}
	text := fmt.Sprintf(pipelineFile, t.Client, strings.Join(bootstrap, ","), t.script.Group, t.Protocol, protocol, t.script.Input,
		t.script.Output, t.script.DeadLetters, t.Order, settings, t.scenario.Settings)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the pipeline: %w", err)
	}
	return nil
}
