package harness

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// KafkaConfig is where the broker runs.
type KafkaConfig struct {
	// Script is dev/kafka/kafka.sh.
	Script string
	// Folder holds its data and logs.
	Folder string
	// Port is the broker's; up to 30 above it are used.
	Port int
	// Advertised is the address that clients are told which come by the listener for a proxy, 30 above Port; empty: there is
	// no such listener.
	Advertised string
}

// Kafka is one broker, started and stopped by the script.
type Kafka struct {
	config KafkaConfig
	log    io.Writer
}

// StartKafka starts an empty broker.
func StartKafka(ctx context.Context, config KafkaConfig, log io.Writer) (*Kafka, error) {
	k := &Kafka{config: config, log: log}
	if err := k.script(ctx, "clean"); err != nil {
		return nil, err
	}
	return k, k.script(ctx, "start")
}

// Stop stops it and deletes its data.
func (k *Kafka) Stop(ctx context.Context) error { return k.script(ctx, "clean") }

// Bootstrap is its address.
func (k *Kafka) Bootstrap() string { return "127.0.0.1:" + strconv.Itoa(k.config.Port) }

func (k *Kafka) script(ctx context.Context, argument string) error {
	command := exec.CommandContext(ctx, k.config.Script, argument)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	// A process group of its own: Ctrl-C at the terminal is meant for this program, which stops the broker.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Env = append(os.Environ(), "BROKERS=1", "KAFKA_PORT="+strconv.Itoa(k.config.Port), "KAFKA_DIR="+k.config.Folder,
		"KAFKA_HEAP=1g", "KAFKA_ACL=0", "KAFKA_ADVERTISED="+k.config.Advertised, "KAFKA_START_SECONDS=240")
	command.Stdout, command.Stderr = k.log, k.log
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", k.config.Script, argument, err)
	}
	return nil
}
