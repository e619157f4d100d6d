package harness

import (
	"bufio"
	"os"
	"runtime"
	"strings"
)

// unknown stands for what the system does not tell.
const unknown = "unknown"

// Machine describes where a measurement was made, as far as it matters to the figures. It names no host.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Go    string `json:"go"`
	// Load is the number of threads that wanted a core in the last minute. Well above zero, other work was going on when
	// the measurement began, and the figures say less.
	Load string `json:"load"`
}

// ThisMachine describes the machine that the process runs on.
func ThisMachine() Machine {
	return Machine{
		CPU: processorModel(), Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(),
		Load: loadAverage(),
	}
}

// loadAverage is what Linux says of the last minute, or "unknown".
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return unknown
	}
	minute, _, _ := strings.Cut(string(text), " ")
	return minute
}

// processorModel is what Linux says of the first core, or "unknown".
func processorModel() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return unknown
	}
	defer func() { _ = file.Close() }() // it was only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}
