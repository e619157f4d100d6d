package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	brokers = 3
	// requestTimeout bounds what is asked of the brokers while they are well.
	requestTimeout = 60 * time.Second
	// Ports from the first broker's: the listeners that tell clients the proxies' addresses, and the proxies.
	proxiedPort = 30
	proxyPort   = 40
)

// ClusterConfig is where the brokers run.
type ClusterConfig struct {
	// Script is dev/kafka/kafka.sh.
	Script string
	// Folder holds their data and logs.
	Folder string
	// Port is the first broker's.
	Port int
}

// cluster is three brokers, started and stopped by the script, and a proxy before each.
type cluster struct {
	config  ClusterConfig
	log     io.Writer
	proxies *proxies
	client  *kgo.Client
	admin   *kadm.Client
}

// startCluster starts empty brokers.
func startCluster(ctx context.Context, config ClusterConfig, log io.Writer) (*cluster, error) {
	c := &cluster{config: config, log: log}
	if err := c.script(ctx, "clean"); err != nil {
		return nil, err
	}
	var err error
	if c.proxies, err = startProxies(c.addresses(proxyPort), c.addresses(proxiedPort)); err != nil {
		return nil, err
	}
	if err := c.script(ctx, "start"); err != nil {
		c.proxies.stop()
		return nil, err
	}
	if c.client, err = kgo.NewClient(kgo.SeedBrokers(c.addresses(0)...), kgo.MetadataMinAge(250*time.Millisecond)); err != nil {
		return nil, errors.Join(fmt.Errorf("connect: %w", err), c.stop(ctx, true))
	}
	c.admin = kadm.NewClient(c.client)
	return c, nil
}

// stop stops the brokers, and deletes their data and logs unless they are to be kept for whoever looks for a reason.
func (c *cluster) stop(ctx context.Context, keep bool) error {
	if c.client != nil {
		c.client.Close()
	}
	c.proxies.stop()
	if keep {
		return c.script(ctx, "stop")
	}
	return c.script(ctx, "clean")
}

// addresses gives the brokers' addresses, the ports moved by that much.
func (c *cluster) addresses(by int) []string {
	list := make([]string, brokers)
	for i := range list {
		list[i] = "127.0.0.1:" + strconv.Itoa(c.config.Port+by+i)
	}
	return list
}

func (c *cluster) script(ctx context.Context, arguments ...string) error {
	command := exec.CommandContext(ctx, c.config.Script, arguments...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	apart(command)
	command.Env = append(os.Environ(), "BROKERS="+strconv.Itoa(brokers), "KAFKA_PORT="+strconv.Itoa(c.config.Port),
		"KAFKA_DIR="+c.config.Folder, "KAFKA_ADVERTISED="+strings.Join(c.addresses(proxyPort), ","), "KAFKA_START_SECONDS=240")
	command.Stdout, command.Stderr = c.log, c.log
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", c.config.Script, strings.Join(arguments, " "), err)
	}
	return nil
}

// kill ends a broker, 1 to 3, with SIGKILL.
func (c *cluster) kill(ctx context.Context, broker int32) error {
	return c.script(ctx, "kill", strconv.Itoa(int(broker)))
}

// launch starts it again and waits until it answers.
func (c *cluster) launch(ctx context.Context, broker int32) error {
	return c.script(ctx, "launch", strconv.Itoa(int(broker)))
}

// createTopic creates a topic whose records bear the time of their append, and waits until its partitions have leaders.
func (c *cluster) createTopic(ctx context.Context, topic string, partitions int32) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	appendTime := "LogAppendTime"
	if _, err := c.admin.CreateTopic(ctx, partitions, brokers, map[string]*string{"message.timestamp.type": &appendTime}, topic); err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	return wait(ctx, "leaders of topic "+topic, func() bool {
		ends, err := c.admin.ListEndOffsets(ctx, topic)
		return err == nil && ends.Error() == nil && len(ends[topic]) == int(partitions)
	})
}

// configureGroup sets the session of a group of the consumer protocol, which is not the client's to choose.
func (c *cluster) configureGroup(ctx context.Context, group string, session time.Duration) error {
	return c.alter(ctx, kmsg.ConfigResourceTypeGroupConfig, group, "consumer.session.timeout.ms",
		kmsg.StringPtr(strconv.FormatInt(session.Milliseconds(), 10)))
}

// configureTopic sets a property of a topic, or takes it back where the value is nil.
func (c *cluster) configureTopic(ctx context.Context, topic, name string, value *string) error {
	return c.alter(ctx, kmsg.ConfigResourceTypeTopic, topic, name, value)
}

func (c *cluster) alter(ctx context.Context, kind kmsg.ConfigResourceType, of, name string, value *string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kind, of
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = name, value
	if value == nil {
		config.Op = kmsg.IncrementalAlterConfigOpDelete
	}
	resource.Configs = append(resource.Configs, config)
	request.Resources = append(request.Resources, resource)
	answer, err := request.RequestWith(ctx, c.client)
	if err == nil && len(answer.Resources) > 0 {
		err = kerr.ErrorForCode(answer.Resources[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("set %s of %s: %w", name, of, err)
	}
	return nil
}

// coordinator gives the broker that coordinates a group.
func (c *cluster) coordinator(ctx context.Context, group string) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for {
		found := c.admin.FindGroupCoordinators(ctx, group)
		err := found.Error()
		if coordinator, any := found[group]; any && err == nil {
			return coordinator.NodeID, nil
		}
		if pause(ctx, tick) != nil {
			return 0, fmt.Errorf("coordinator of group %s: %w", group, errors.Join(err, ctx.Err()))
		}
	}
}

// leader gives the broker that leads a random partition of a topic.
func (c *cluster) leader(ctx context.Context, topic string, random *rand.Rand) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	listed, err := c.admin.ListTopics(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("leaders of topic %s: %w", topic, err)
	}
	partitions := listed[topic].Partitions.Sorted()
	if len(partitions) == 0 {
		return 0, fmt.Errorf("topic %s has no partitions", topic)
	}
	return partitions[random.IntN(len(partitions))].Leader, nil
}

// ends gives the ends of a topic by partition.
func (c *cluster) ends(ctx context.Context, topic string) (map[int32]int64, error) {
	listed, err := c.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ends of topic %s: %w", topic, err)
	}
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends, nil
}

// uncommitted is how many offsets of a topic a group has not committed.
func (c *cluster) uncommitted(ctx context.Context, group, topic string) (int64, error) {
	ends, err := c.ends(ctx, topic)
	if err != nil {
		return 0, err
	}
	fetched, err := c.admin.FetchOffsets(ctx, group)
	if err != nil {
		return 0, fmt.Errorf("offsets of group %s: %w", group, err)
	}
	total := int64(0)
	for partition, end := range ends {
		at := int64(0)
		if o, any := fetched.Lookup(topic, partition); any {
			at = max(0, o.At)
		}
		total += end - at
	}
	return total, nil
}

// forget deletes what a trial has made.
func (c *cluster) forget(ctx context.Context, group string, topics ...string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := c.admin.DeleteTopics(ctx, topics...)
	_, groupErr := c.admin.DeleteGroup(ctx, group)
	if err := errors.Join(err, groupErr); err != nil {
		return fmt.Errorf("delete topics and group %s: %w", group, err)
	}
	return nil
}
