//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

// peakRSS is the largest memory of a process that has ended, in bytes.
func peakRSS(s *os.ProcessState) int64 {
	r, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(r.Maxrss) // others tell kibibytes
	}
	return int64(r.Maxrss) * 1024
}

// processorTime is what this process has used of all cores.
func processorTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0 // it has no other errors than wrong arguments
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
