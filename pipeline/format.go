package pipeline

import (
	"errors"
	"fmt"
	"math"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// formats are the schema's "format" words. Each takes what the schema's type let through and ignores other types.
func formats() map[string]func(any) error {
	onText := func(check func(string) error) func(any) error {
		return func(v any) error {
			if text, ok := v.(string); ok {
				return check(text)
			}
			return nil
		}
	}
	return map[string]func(any) error{
		"positive-duration":         onText(func(s string) error { _, err := parseDuration(s); return err }),
		"positive-duration-or-none": onText(func(s string) error { _, err := parseDurationOrNone(s); return err }),
		"byte-size": func(v any) error {
			_, err := parseSize(fmt.Sprint(v))
			return err
		},
		"kafka-topic":            onText(checkTopic),
		"kafka-topic-or-pattern": onText(checkTopicOrPattern),
		"listen-address":         onText(checkListen),
		"off-word": onText(func(s string) error {
			if s != "off" {
				return fmt.Errorf("%q is neither off nor a mapping with topic, envelope, dialect and create", s)
			}
			return nil
		}),
	}
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no duration: want a number and a unit, like 500ms, 5s, 2m or 1h30m", text)
	case d <= 0:
		return 0, fmt.Errorf("%q is not longer than zero", text)
	default:
		return d, nil
	}
}

// none is the duration that means no limit in a troupe.Config.
const none time.Duration = -1

func parseDurationOrNone(text string) (time.Duration, error) {
	if text == "none" {
		return none, nil
	}
	return parseDuration(text)
}

// memoryBytesMin is too little for any real pipeline, but enough to hold one record of the usual largest size.
const memoryBytesMin = 1 << 20

var sizeText = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`)

func parseSize(text string) (int64, error) {
	parts := sizeText.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is no size: want a number and a unit, like 512KiB, 256MiB or 1GiB", text)
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no size: %w", text, err)
	}
	unit, ok := map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}[strings.ToLower(parts[2])]
	size := number * unit
	switch {
	case !ok:
		return 0, fmt.Errorf("%q is no unit of size: want B, KiB, MiB, GiB, KB, MB or GB", parts[2])
	case size < memoryBytesMin:
		return 0, fmt.Errorf("%q is less than 1MiB", text)
	case size > math.MaxInt64/2:
		return 0, fmt.Errorf("%q is more than any machine has", text)
	default:
		return int64(size), nil
	}
}

var topicText = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

// checkTopic holds Kafka's own rule for names of topics (org.apache.kafka.common.internals.Topic).
func checkTopic(name string) error {
	switch {
	case name == "":
		return errors.New("the name of a topic must not be empty")
	case name == "." || name == "..":
		return fmt.Errorf("%q is no legal name of a topic", name)
	case len(name) > 249:
		return fmt.Errorf("the name of the topic has %d characters, more than the 249 that Kafka takes", len(name))
	case !topicText.MatchString(name):
		return fmt.Errorf("%q is no legal name of a topic: letters, digits, '.', '_' and '-' are", name)
	default:
		return nil
	}
}

func isPattern(topic string) bool { return strings.HasPrefix(topic, "^") }

func checkTopicOrPattern(text string) error {
	if !isPattern(text) {
		return checkTopic(text)
	}
	if _, err := regexp.Compile(text); err != nil {
		return fmt.Errorf("%q is no regular expression: %s", text, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return nil
}

func checkListen(text string) error {
	if text == "off" {
		return nil
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("%q is no address: want host:port, like 127.0.0.1:8080, or off", text)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is no port: want a number from 0 to 65535", port)
	}
	return nil
}
