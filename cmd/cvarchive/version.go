package main

import (
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"cvarchive/manifest"
)

// versionInfo is the shape of "version --json".
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source it was built from
	Modified bool   `json:"modified,omitempty"` // the source had uncommitted changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Format is the newest archive format that is written and read.
	Format string `json:"format"`
}

func readVersion() versionInfo {
	v := versionInfo{
		Version:  "devel",
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Format:   manifest.FormatVersion(),
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// toolVersion is the version that archives and requests carry.
func toolVersion() string { return readVersion().Version }

func (a *app) versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Flags: []cli.Flag{jsonFlag()},
		Description: examples("Prints the version of the program, what it was built from and with, and the archive format it knows.",
			"cvarchive version",
			"cvarchive version --json"),
		Action: a.action(func(c *cli.Context) error {
			v := readVersion()
			if c.Bool("json") {
				return a.out.JSON(v)
			}
			a.out.Printf("cvarchive %s (archive format %s)\n", v.Version, v.Format)
			if v.Revision != "" {
				modified := ""
				if v.Modified {
					modified = ", with uncommitted changes"
				}
				a.out.Printf("built from %s%s\n", v.Revision, modified)
			}
			a.out.Printf("%s %s\n", v.Go, v.Platform)
			return nil
		}, 0, ""),
	}
}
