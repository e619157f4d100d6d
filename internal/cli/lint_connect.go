package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/clients"
	"github.com/troupe-go/troupe/pipeline"
)

// surroundings checks what a pipeline needs of the world outside. It changes nothing there.
type surroundings struct {
	pipeline *pipeline.Pipeline
	config   troupe.Config
	timeout  time.Duration

	mu     sync.Mutex
	faults pipeline.Faults
}

// check gives all that is wrong, in the order of the file.
func (s *surroundings) check(ctx context.Context) pipeline.Faults {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var checks sync.WaitGroup
	checks.Go(func() { s.checkKafka(ctx) })
	checks.Go(func() { s.checkRegistry(ctx) })
	checks.Wait()
	slices.SortStableFunc(s.faults, func(a, b pipeline.Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return s.faults
}

func (s *surroundings) fault(path, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, s.pipeline.Fault(path, fmt.Sprintf(format, args...)))
}

func (s *surroundings) checkRegistry(ctx context.Context) {
	var faults pipeline.Faults
	if err := s.pipeline.CheckRegistry(ctx); errors.As(err, &faults) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = append(s.faults, faults...)
	}
}

func (s *surroundings) checkKafka(ctx context.Context) {
	client, err := clients.New(clients.Options{
		Name: s.config.Client, Kafka: s.config.Kafka, Producer: s.config.Producer, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.fault("kafka", "%v", err)
		return
	}
	admin, err := client.Admin()
	if err != nil {
		s.fault("kafka", "%v", err)
		return
	}
	defer admin.Close()
	all, err := s.describe(ctx, admin)
	if err != nil {
		s.unreachable(ctx, err)
		return
	}
	read := s.checkInputs(all)
	s.checkOutputs(all, read)
	if _, err := admin.GroupOffsets(ctx, client.Group()); err != nil {
		if ctx.Err() != nil {
			s.unreachable(ctx, err)
			return
		}
		s.fault("kafka.group.id", "group %s cannot be used: %v", client.Group(), err)
	}
}

func (s *surroundings) unreachable(ctx context.Context, err error) {
	brokers := s.config.Kafka["bootstrap.servers"]
	if ctx.Err() != nil {
		s.fault("kafka.bootstrap.servers", "no answer from %s within %s: %v", brokers, s.timeout, err)
		return
	}
	s.fault("kafka.bootstrap.servers", "%s: %v", brokers, err)
}

// described are topics by their names.
type described map[string]kafka.TopicInfo

// describe asks for the topics by name, and for all where a pattern has to be looked at.
func (s *surroundings) describe(ctx context.Context, admin kafka.Admin) (described, error) {
	names := slices.Clone(s.config.Topics)
	if output := s.pipeline.OutputTopic(); output != "" {
		names = append(names, output)
	}
	pattern := slices.ContainsFunc(names, isPattern)
	names = slices.DeleteFunc(names, isPattern)
	for _, name := range slices.Clone(names) {
		if letters := s.letters(name); letters != "" {
			names = append(names, letters)
		}
	}
	slices.Sort(names)
	found := make(described)
	add := func(infos []kafka.TopicInfo, err error) error {
		for _, info := range infos {
			found[info.Name] = info
		}
		return err
	}
	if pattern {
		if err := add(admin.Topics(ctx)); err != nil {
			return nil, err
		}
	}
	if names = slices.Compact(names); len(names) == 0 {
		return found, nil
	}
	return found, add(admin.Topics(ctx, names...))
}

func isPattern(topic string) bool { return strings.HasPrefix(topic, "^") }

// letters is the topic that must be there for the dead letters of a topic; empty where there are none, or it is created.
func (s *surroundings) letters(topic string) string {
	if s.config.DeadLetter.Off || !s.config.DeadLetter.NoCreate {
		return ""
	}
	letters, err := deadletter.TopicFor(s.config.DeadLetter.Topic, topic, nil)
	if err != nil {
		return ""
	}
	return letters
}

// checkInputs gives the topics that will be read.
func (s *surroundings) checkInputs(all described) (read []string) {
	for i, name := range s.config.Topics {
		path := fmt.Sprintf("input.topics.%d", i)
		if !isPattern(name) {
			s.checkTopic(all, path, name)
			read = append(read, name)
			continue
		}
		target := lagTarget{own: ownTopics(s.config)}
		matching := target.read(regexp.MustCompile(name), all.infos()) // the configuration has been checked
		if len(matching) == 0 {
			s.fault(path, "no topic matches %s", name)
		}
		read = append(read, matching...)
	}
	return read
}

func (d described) infos() []kafka.TopicInfo {
	infos := make([]kafka.TopicInfo, 0, len(d))
	for _, info := range d {
		if info.Exists {
			infos = append(infos, info)
		}
	}
	return infos
}

func (s *surroundings) checkOutputs(all described, read []string) {
	if output := s.pipeline.OutputTopic(); output != "" {
		s.checkTopic(all, "output.kafka.topic", output)
	}
	var checked []string
	for _, topic := range read {
		letters := s.letters(topic)
		if letters == "" || slices.Contains(checked, letters) {
			continue
		}
		checked = append(checked, letters)
		s.checkTopic(all, "dead_letter.topic", letters)
	}
}

func (s *surroundings) checkTopic(all described, path, name string) {
	switch info := all[name]; {
	case info.Err != nil:
		s.fault(path, "%v", info.Err)
	case !info.Exists && path == "dead_letter.topic":
		s.fault(path, "topic %s does not exist: create it, or set dead_letter.create: true", name)
	case !info.Exists:
		s.fault(path, "topic %s does not exist: create it", name)
	}
}
