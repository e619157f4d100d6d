package franz

import (
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// readCommitted is the isolation level that shows no records of open and aborted transactions.
const readCommitted = 1

func (g given) isolation() int8 {
	if strings.EqualFold(g.text("isolation.level"), "read_uncommitted") {
		return 0
	}
	return readCommitted
}

// reading gives the options of the client that reads.
func (g given) reading() []kgo.Opt {
	level := kgo.ReadCommitted()
	if g.isolation() != readCommitted {
		level = kgo.ReadUncommitted()
	}
	options := []kgo.Opt{
		kgo.FetchIsolationLevel(level),
		kgo.KeepControlRecords(), // or an end behind which there are only markers would not be seen
		kgo.FetchMaxWait(max(g.millis("fetch.wait.max.ms", 500), 10*time.Millisecond)),
		kgo.FetchMinBytes(int32(max(g.whole("fetch.min.bytes", 1), 1))),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // the adapter decides where to go on
	}
	if !g.yes("check.crcs", true) {
		options = append(options, kgo.DisableFetchCRCValidation())
	}
	if rack := g.text("client.rack"); rack != "" {
		options = append(options, kgo.Rack(rack))
	}
	return options
}

// group says how to be a member.
func (g given) group(id string) group {
	return group{
		id: g.text("group.id"), instance: instanceID(g.text("group.instance.id"), id),
		consumer: g.serverSide(), cooperative: !g.serverSide() && !g.eager(),
	}
}

func (g given) serverSide() bool { return strings.EqualFold(g.text("group.protocol"), "consumer") }

func (g given) eager() bool {
	strategy := g.text("partition.assignment.strategy")
	return strategy != "" && !strings.Contains(strategy, "cooperative")
}

// sessionMillis is the default of session.timeout.ms.
const sessionMillis = 45_000

// membership gives the options of the client that is the member.
func (g given) membership(id string) []kgo.Opt {
	session := g.millis("session.timeout.ms", sessionMillis)
	options := []kgo.Opt{
		kgo.ConsumerGroup(g.text("group.id")),
		kgo.SessionTimeout(session),
		kgo.HeartbeatInterval(min(g.millis("heartbeat.interval.ms", 3_000), session/3)),
		// As long as a member may stay away from polling, it may take to give partitions back.
		kgo.RebalanceTimeout(max(g.millis("max.poll.interval.ms", 300_000), 100*time.Millisecond)),
		kgo.Balancers(g.balancers()...),
	}
	if g.serverSide() {
		options = append(options, kgo.ServerSideBalancer())
	}
	if name := instanceID(g.text("group.instance.id"), id); name != "" {
		options = append(options, kgo.InstanceID(name))
	}
	if rack := g.text("client.rack"); rack != "" {
		options = append(options, kgo.Rack(rack))
	}
	if g.yes("allow.auto.create.topics", false) {
		options = append(options, kgo.AllowAutoTopicCreation())
	}
	return options
}

// balancers are the assignors. Under group.protocol=consumer the first one stands for that of the broker.
func (g given) balancers() []kgo.GroupBalancer {
	if g.serverSide() {
		if g.text("group.remote.assignor") == "range" {
			return []kgo.GroupBalancer{kgo.RangeBalancer()}
		}
		return []kgo.GroupBalancer{kgo.CooperativeStickyBalancer()}
	}
	known := map[string]kgo.GroupBalancer{
		"cooperative-sticky": kgo.CooperativeStickyBalancer(),
		"range":              kgo.RangeBalancer(),
		"roundrobin":         kgo.RoundRobinBalancer(),
	}
	var balancers []kgo.GroupBalancer
	for name := range strings.SplitSeq(g.text("partition.assignment.strategy"), ",") {
		if balancer := known[strings.TrimSpace(name)]; balancer != nil && !slices.Contains(balancers, balancer) {
			balancers = append(balancers, balancer)
		}
	}
	if len(balancers) == 0 {
		balancers = append(balancers, kgo.CooperativeStickyBalancer())
	}
	return balancers
}
