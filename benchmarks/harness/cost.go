// Package harness measures processes that read records: each runs in a process of its own, so that one's garbage, threads
// and memory are not counted against another, and tells its parent what it cost.
package harness

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"
)

// Cost is what a number of records cost a process, from the first of them to the last.
type Cost struct {
	Records    int64         `json:"records"`
	ValueBytes int64         `json:"value_bytes"`
	Elapsed    time.Duration `json:"elapsed_ns"`
	// UserCPU and SystemCPU are of all threads, those of the C client included.
	UserCPU   time.Duration `json:"user_cpu_ns"`
	SystemCPU time.Duration `json:"system_cpu_ns"`
	// Allocations and AllocatedBytes are those of the Go heap; what the C client allocates shows in MaxRSS only.
	Allocations    uint64 `json:"allocations"`
	AllocatedBytes uint64 `json:"allocated_bytes"`
	GCCycles       uint64 `json:"gc_cycles"`
	// MaxRSS is the most memory that the process has had resident in its whole life, in bytes.
	MaxRSS int64 `json:"max_rss_bytes"`
}

// RecordsPerSecond is the throughput.
func (c Cost) RecordsPerSecond() float64 { return float64(c.Records) / c.Elapsed.Seconds() }

// CPUPerRecord is the processor time of one record.
func (c Cost) CPUPerRecord() time.Duration {
	return (c.UserCPU + c.SystemCPU) / time.Duration(c.Records)
}

// AllocationsPerRecord is the number of objects on the Go heap for each record.
func (c Cost) AllocationsPerRecord() float64 { return float64(c.Allocations) / float64(c.Records) }

// BytesPerRecord is the bytes of those objects.
func (c Cost) BytesPerRecord() float64 { return float64(c.AllocatedBytes) / float64(c.Records) }

// Point is a reading of the process's meters. It does not stop the world, so a record's handler may take it.
type Point struct {
	at                     time.Time
	user, system           time.Duration
	maxRSS                 int64
	allocations, allocated uint64
	cycles                 uint64
}

// Read reads the meters.
func Read() (Point, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return Point{}, fmt.Errorf("read the processor time: %w", err)
	}
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	return Point{
		at: time.Now(), user: time.Duration(usage.Utime.Nano()), system: time.Duration(usage.Stime.Nano()), maxRSS: maxRSS(&usage),
		allocations: samples[0].Value.Uint64(), allocated: samples[1].Value.Uint64(), cycles: samples[2].Value.Uint64(),
	}, nil
}

func maxRSS(usage *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" {
		return usage.Maxrss
	}
	return usage.Maxrss << 10 // elsewhere the unit is 1,024 bytes
}

// Since is the cost of the records that were read between two points.
func (p Point) Since(start Point, records, valueBytes int64) Cost {
	return Cost{
		Records: records, ValueBytes: valueBytes, Elapsed: p.at.Sub(start.at),
		UserCPU: p.user - start.user, SystemCPU: p.system - start.system,
		Allocations: p.allocations - start.allocations, AllocatedBytes: p.allocated - start.allocated,
		GCCycles: p.cycles - start.cycles, MaxRSS: p.maxRSS,
	}
}
