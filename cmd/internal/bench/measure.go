package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// usage is what a process took.
type usage struct {
	Wall    time.Duration `json:"wall"`
	CPU     time.Duration `json:"cpu"`     // of all cores, of its children too
	PeakRSS int64         `json:"peakRSS"` // bytes; 0: this system does not tell
	Status  int           `json:"status"`
}

// measureMode runs the command that follows a file's name, and writes its
// usage to the file. Output and status are the command's.
func measureMode(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) < 2 {
		return errors.New("measure needs a file and a command")
	}
	cmd := exec.CommandContext(ctx, args[1], args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, os.Stderr
	inGroup(cmd)
	began := time.Now()
	err := cmd.Run()
	u := usage{Wall: time.Since(began)}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return fmt.Errorf("run %s: %w", args[1], err)
	}
	s := cmd.ProcessState
	u.CPU, u.PeakRSS, u.Status = s.UserTime()+s.SystemTime(), peakRSS(s), s.ExitCode()
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0], text, 0o600); err != nil {
		return err
	}
	if u.Status != 0 {
		return &statusError{u.Status}
	}
	return nil
}
