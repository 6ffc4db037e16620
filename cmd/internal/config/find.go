package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// FileName is what a configuration is called in the working folder.
const FileName = "cvarchive.yaml"

// EnvFile names the environment variable that points at a configuration.
const EnvFile = "CVARCHIVE_CONFIG"

// maxSize bounds a configuration file, in bytes.
const maxSize = 1 << 20

// LookupEnv returns an environment variable, as [os.LookupEnv] does.
type LookupEnv func(name string) (value string, found bool)

// Find returns the path of the configuration to use: flag when it is given,
// else $CVARCHIVE_CONFIG, else ./cvarchive.yaml, else cvarchive/config.yaml
// in the user's configuration folder. Where the last two are both missing it
// returns "".
func Find(flag string, env LookupEnv) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if path, _ := env(EnvFile); path != "" {
		return path, nil
	}
	for _, path := range []string{FileName, userFile(env)} {
		if path == "" {
			continue
		}
		_, err := os.Stat(path)
		switch {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", &Error{File: path, Message: fmt.Sprintf("cannot look at the configuration: %v; make it readable or choose another with --config", cause(err))}
		}
	}
	return "", nil
}

// userFile follows the system's habits, through env so that tests can move
// it.
func userFile(env LookupEnv) string {
	variable, below := "XDG_CONFIG_HOME", ""
	if dir, _ := env(variable); dir == "" {
		variable, below = "HOME", ".config"
	}
	switch runtime.GOOS {
	case "windows":
		variable, below = "AppData", ""
	case "darwin":
		variable, below = "HOME", filepath.Join("Library", "Application Support")
	}
	dir, _ := env(variable)
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, below, "cvarchive", "config.yaml")
}

// Load reads and checks the file at path.
func Load(path string) (*File, error) {
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{File: path, Message: "there is no such configuration file; cvarchive init writes one"}
	}
	if err != nil {
		return nil, &Error{File: path, Message: fmt.Sprintf("cannot read the configuration: %v; make it a readable file or choose another with --config", cause(err))}
	}
	if len(data) > maxSize {
		return nil, &Error{File: path, Message: "the file is larger than 1 MiB, which no configuration is; choose another with --config"}
	}
	return Parse(path, data)
}

// read returns at most one byte more than a configuration may have.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

// cause drops the path and operation that os puts before its errors.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
