package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	statusPrefix  = "cvarchive_backup_"
	maxStatusFile = 64 << 10 // bytes
)

// metric is one line of the status file and the explanation before it.
type metric struct {
	name, help string
	value      float64
	absent     bool
}

// writeStatusFile writes how a run ended, in the text format of Prometheus.
// The file changes as a whole. A run without an archive keeps what the file
// said of the last archive, so that an alert on its age goes on.
func writeStatusFile(path string, run *backupRun, status int, ended time.Time) error {
	b := statusText(run, status, ended, lastArchive(path))
	f, err := os.CreateTemp(filepath.Dir(path), ".cvarchive-status-*")
	if err != nil {
		return statusFileError(path, err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(0o644) // the collector is another user
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return statusFileError(path, err)
	}
	return nil
}

func statusFileError(path string, err error) error {
	return fmt.Errorf("write the status file %s: %w; monitoring does not see this run", path, err)
}

func statusText(run *backupRun, status int, ended time.Time, archived float64) []byte {
	seconds := func(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
	list := []metric{
		{name: "last_run_timestamp_seconds", help: "When the last run ended.", value: seconds(ended)},
		{name: "duration_seconds", help: "How long the last run took.", value: ended.Sub(run.began).Seconds()},
		{name: "exit_status", help: "Exit status of the last run: 0 done, 1 failed, 2 usage, 4 not whole, 130 interrupted.", value: float64(status)},
		{name: "success", help: "Whether the last run captured everything.", value: map[bool]float64{true: 1}[status == exitDone]},
	}
	if r := run.result; r != nil {
		t := newBackupTotal(r, "")
		if !t.Incomplete {
			archived = seconds(t.Started)
		}
		list = append(list,
			metric{name: "projects", help: "Projects in the archive of the last run.", value: float64(t.Projects)},
			metric{name: "images", help: "Images in the archive of the last run.", value: float64(t.Images)},
			metric{name: "images_downloaded", help: "Images that the last run downloaded.", value: float64(t.Stats.ImagesDownloaded)},
			metric{name: "downloaded_bytes", help: "Bytes that the last run downloaded.", value: float64(t.Stats.BytesDownloaded)},
			metric{name: "stored_bytes", help: "Bytes of images and models that the last run added to the vault.", value: float64(t.Stats.BytesStored)},
			metric{name: "lost", help: "Images and models that the last run could not capture.", value: float64(t.Lost)},
			metric{name: "failures", help: "What the last run could not capture, of any kind.", value: float64(t.Failures)},
		)
	}
	list = append(list, metric{name: "archive_timestamp_seconds", help: "When the capture of the latest archive began.", value: archived, absent: archived == 0})
	var b bytes.Buffer
	for _, m := range list {
		if !m.absent {
			fmt.Fprintf(&b, "# HELP %s%s %s\n# TYPE %[1]s%[2]s gauge\n%[1]s%[2]s{source=%[4]s} %[5]s\n",
				statusPrefix, m.name, m.help, labelValue(run.source), strconv.FormatFloat(m.value, 'f', -1, 64))
		}
	}
	return b.Bytes()
}

// labelValue quotes as the text format does.
func labelValue(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// lastArchive returns the time of the archive that a status file tells of, or
// 0.
func lastArchive(path string) float64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	in := bufio.NewScanner(io.LimitReader(f, maxStatusFile))
	for in.Scan() {
		line, ok := strings.CutPrefix(in.Text(), statusPrefix+"archive_timestamp_seconds{")
		if !ok {
			continue
		}
		if v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64); err == nil && v > 0 {
			return v
		}
	}
	return 0
}
