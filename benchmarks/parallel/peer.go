package parallel

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// startPeer starts Parallel Consumer, whose jars are in the folder. The program is in benchmarks/peers/parallel-consumer.
func startPeer(ctx context.Context, folder string, task Task) (*harness.Process, error) {
	jars, err := filepath.Glob(filepath.Join(folder, "*.jar"))
	if err != nil || len(jars) == 0 {
		return nil, fmt.Errorf("no jars of Parallel Consumer are in %q; 'make bench-parallel' builds them, with Maven", folder)
	}
	arguments := []string{"-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(folder, "*"), "Contender"}
	arguments = append(arguments, peerArguments(task)...)
	return harness.StartCommand(exec.CommandContext(ctx, "java", arguments...))
}

// peerArguments are the task as name=value.
func peerArguments(t Task) []string {
	list := []string{
		"bootstrap=" + t.Bootstrap, "group=" + t.Group, "order=" + string(t.Contender.Order),
		"concurrency=" + strconv.Itoa(t.Contender.Concurrency), "latencyMillis=" + strconv.FormatInt(t.Latency.Milliseconds(), 10),
		"keys=" + strconv.Itoa(t.Topic.Keys), "topic=" + t.Topic.Name, "ends=" + joined(t.Topic.ends()),
	}
	if t.WarmUp.Records > 0 {
		list = append(list, "warmUpTopic="+t.WarmUp.Name, "warmUpEnds="+joined(t.WarmUp.ends()))
	}
	return list
}

func joined(numbers []int64) string {
	list := make([]string, len(numbers))
	for i, n := range numbers {
		list[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(list, ",")
}
