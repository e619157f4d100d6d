package parallel

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
}

// kafka is one broker, started and stopped by the script.
type kafka struct {
	config KafkaConfig
	log    io.Writer
}

// startKafka starts an empty broker.
func startKafka(ctx context.Context, config KafkaConfig, log io.Writer) (*kafka, error) {
	k := &kafka{config: config, log: log}
	if err := k.script(ctx, "clean"); err != nil {
		return nil, err
	}
	return k, k.script(ctx, "start")
}

// stop stops it and deletes its data.
func (k *kafka) stop(ctx context.Context) error { return k.script(ctx, "clean") }

func (k *kafka) bootstrap() string { return "127.0.0.1:" + strconv.Itoa(k.config.Port) }

func (k *kafka) script(ctx context.Context, argument string) error {
	command := exec.CommandContext(ctx, k.config.Script, argument)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	// A process group of its own: Ctrl-C at the terminal is meant for this program, which stops the broker.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Env = append(os.Environ(), "BROKERS=1", "KAFKA_PORT="+strconv.Itoa(k.config.Port), "KAFKA_DIR="+k.config.Folder,
		"KAFKA_HEAP=1g", "KAFKA_ACL=0", "KAFKA_ADVERTISED=", "KAFKA_START_SECONDS=240")
	command.Stdout, command.Stderr = k.log, k.log
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", k.config.Script, argument, err)
	}
	return nil
}
