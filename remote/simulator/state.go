package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// savedState is the form of state.json. It is read by the version of this
// program that wrote it; nothing else depends on it.
type savedState struct {
	Version   int
	Offset    time.Duration
	SignKey   []byte
	Resources map[string]savedResource
	Snapshots map[string]*snapshot
}

type savedResource struct {
	Down     bool
	Projects []*project
}

const stateVersion = 1

func (s *Service) stateFile() string { return filepath.Join(s.opt.StateDir, "state.json") }

// Save writes the state to the state folder, if there is one and anything
// changed since the last time. It writes the whole state, so call it at
// intervals and at the end rather than after every change; bytes of images
// are written when they arrive.
func (s *Service) Save() error {
	if s.opt.StateDir == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dirty {
		return nil
	}
	s.forget(s.now())
	st := savedState{
		Version: stateVersion, Offset: s.offset, SignKey: s.signKey,
		Resources: map[string]savedResource{}, Snapshots: s.snapshots,
	}
	for _, r := range s.resources {
		st.Resources[r.opt.Name] = savedResource{Down: r.isDown(), Projects: r.projects}
	}
	data, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("simulator: encode state: %w", err)
	}
	if err := writeFile(s.stateFile(), data); err != nil {
		return fmt.Errorf("simulator: save state: %w", err)
	}
	s.dirty = false
	return nil
}

// Close saves the state. The service can still be used.
func (s *Service) Close() error { return s.Save() }

func (s *Service) load() error {
	if err := os.MkdirAll(s.opt.StateDir, 0o700); err != nil {
		return fmt.Errorf("simulator: make state folder: %w", err)
	}
	data, err := os.ReadFile(s.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		s.dirty = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("simulator: read state: %w", err)
	}
	var st savedState
	if err := json.Unmarshal(data, &st); err != nil {
		return fmt.Errorf("simulator: %s is damaged: %w", s.stateFile(), err)
	}
	if st.Version != stateVersion {
		return fmt.Errorf("simulator: %s is of version %d; this program reads version %d", s.stateFile(), st.Version, stateVersion)
	}
	s.offset, s.signKey = st.Offset, st.SignKey
	if st.Snapshots != nil {
		s.snapshots = st.Snapshots
	}
	for name, saved := range st.Resources {
		r := s.find(name)
		if r == nil && len(saved.Projects) == 0 {
			continue
		}
		if r == nil {
			return fmt.Errorf("simulator: %s holds projects of the resource %s, which is not among the options", s.stateFile(), name)
		}
		r.projects, r.down = saved.Projects, saved.Down
	}
	return nil
}
