package ui

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"cvarchive/archive/progress"
)

// barView shows one bar on a terminal, for the phase in hand.
type barView struct {
	w    io.Writer
	bar  *progressbar.ProgressBar
	name string
}

func (v *barView) event(e progress.Event, sum *meter) {
	switch e.Kind {
	case progress.PhaseStarted:
		v.close()
		v.name = sum.name
	case progress.ProjectStarted:
	case progress.ItemDone:
	case progress.ProjectFinished:
		v.above(joined(about(e), Sentence(e.Message)))
	default:
		v.above(line(e))
	}
	v.show(sum)
}

// show draws the bar where the phase stands.
func (v *barView) show(sum *meter) {
	done, total := sum.so()
	if v.bar == nil {
		v.bar = v.newBar(total)
	}
	if total > 0 && total != v.bar.GetMax64() {
		v.bar.ChangeMax64(total)
	}
	v.bar.Describe(v.name)
	_ = v.bar.Set64(min(done, v.bar.GetMax64()))
}

func (v *barView) newBar(total int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(max(total, 1),
		progressbar.OptionSetWriter(v.w),
		progressbar.OptionSetDescription(v.name),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetPredictTime(total > 0),
	)
}

// above writes a line that stays, over the bar.
func (v *barView) above(text string) {
	if v.bar != nil {
		_ = v.bar.Clear()
	}
	fmt.Fprintln(v.w, text)
}

func (v *barView) close() {
	if v.bar != nil {
		_ = v.bar.Clear()
		v.bar = nil
	}
}
