package bench

import (
	"fmt"
	"math"

	"github.com/ringkv/ringkv/internal/units"
)

// The picture, in its own units: two panels, one above the other.
const (
	plotWidth, plotHeight = 1000, 840
	panelLeft, panelWidth = 90, 860
	panelHeight           = 290
	topPanel, bottomPanel = 110, 490 // their upper edges
)

const (
	readColor, writeColor = "#2f7ed8", "#d8582f"
	rateColor             = "#9aa5b1"
)

// canvas is what a result is drawn on. Colors are #rrggbb.
type canvas interface {
	// rect fills a rectangle; what it stands for is shown to who points at it, where
	// the form of the picture can do that.
	rect(x, y, width, height float64, color string, opacity float64, standsFor string)
	// line is upright or level, and one unit wide.
	line(x1, y1, x2, y2 float64, color string)
	// curve joins the spots, two units wide.
	curve(spots []spot, color string)
	// text stands on y; x is its start, middle or end.
	text(x, y float64, size int, anchor anchor, color, text string)
}

type spot struct{ x, y float64 }

// anchor says which part of a text is where it is put: the words of SVG.
type anchor string

const (
	start  anchor = "start"
	middle anchor = "middle"
	end    anchor = "end"
)

// draw draws the latency at each percentile, and throughput and latency over time.
func (r *Result) draw(c canvas, title string) {
	c.rect(0, 0, plotWidth, plotHeight, "#ffffff", 1, "")
	c.text(panelLeft, 36, 20, start, "#1b2733", title)
	c.text(panelLeft, 58, 13, start, "#5b6875", r.describe())
	r.drawPercentiles(c)
	r.drawTimeline(c)
}

// describe says in a line what was measured.
func (r *Result) describe() string {
	o := &r.Options
	loop := "closed loop"
	if o.Rate > 0 {
		loop = fmt.Sprintf("open loop at %s/s", units.Count(int64(o.Rate)))
	}
	values := fmt.Sprint(o.MinValueBytes)
	if o.MaxValueBytes > o.MinValueBytes {
		values += fmt.Sprintf(" to %d", o.MaxValueBytes)
	}
	return fmt.Sprintf("%s operations/s, %s; %d connections, pipeline %d, %s keys (%s), values of %s bytes, %.0f%% reads",
		units.Count(int64(math.Round(r.PerSecond))), loop, o.Connections, o.Pipeline, units.Count(o.Keys), o.Distribution,
		values, 100*o.ReadFraction)
}

// scale maps values to the height of a panel.
type scale struct {
	top, low, high float64
	log            bool
}

func (s scale) y(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		v, low, high = math.Log10(max(v, s.low)), math.Log10(low), math.Log10(high)
	}
	return s.top + panelHeight*(1-(v-low)/(high-low))
}

// latencyScale is logarithmic, from and to powers of ten around the values.
func latencyScale(top float64, values []float64) scale {
	low, high := math.Inf(1), 0.0
	for _, v := range values {
		if v > 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	if high == 0 {
		low, high = 0.1, 1
	}
	s := scale{top: top, low: math.Pow(10, math.Floor(math.Log10(low))), high: math.Pow(10, math.Ceil(math.Log10(high))), log: true}
	if s.low == s.high {
		s.high *= 10
	}
	return s
}

// drawAxis draws a line for each power of ten.
func (s scale) drawAxis(c canvas) {
	for v := s.low; v <= s.high*1.001; v *= 10 {
		c.line(panelLeft, s.y(v), panelLeft+panelWidth, s.y(v), "#e4e8ec")
		c.text(panelLeft-8, s.y(v)+4, 12, end, "#5b6875", ms(v))
	}
}

// percentileX places a percentile by how many nines it has: each takes as much room
// as the one before.
func percentileX(percent, nines float64) float64 {
	rest := max(100-percent, math.Pow(10, 2-nines)) / 100
	return panelLeft + panelWidth*min(-math.Log10(rest)/nines, 1)
}

func (r *Result) drawPercentiles(c canvas) {
	var values []float64
	most := uint64(100)
	for _, k := range r.kinds() {
		most = max(most, k.result.Count)
		for _, point := range k.result.Percentiles {
			values = append(values, point.Millis)
		}
	}
	nines := max(math.Ceil(math.Log10(float64(most))), 3)
	s := latencyScale(topPanel, values)
	c.text(panelLeft, topPanel-14, 15, start, "#1b2733", "latency by percentile")
	s.drawAxis(c)
	for n := 0.0; n < nines; n++ {
		percent := 100 - math.Pow(10, 2-n)
		x := percentileX(percent, nines)
		c.line(x, topPanel, x, topPanel+panelHeight, "#eef1f4")
		c.text(x, topPanel+panelHeight+18, 12, middle, "#5b6875", fmt.Sprintf("%.*f%%", int(max(n-2, 0)), percent))
	}
	for i, k := range r.kinds() {
		var spots []spot
		for _, point := range k.result.Percentiles {
			spots = append(spots, spot{percentileX(point.Percent, nines), s.y(point.Millis)})
		}
		color := readColor
		if k.name == "writes" {
			color = writeColor
		}
		c.curve(spots, color)
		l := k.result.Latency
		c.text(panelLeft+panelWidth, topPanel-34+float64(17*i), 13, end, color,
			fmt.Sprintf("%s: p50 %s, p99 %s, p99.9 %s, max %s", k.name, ms(l.P50), ms(l.P99), ms(l.P999), ms(l.Max)))
	}
}

func (r *Result) drawTimeline(c canvas) {
	c.text(panelLeft, bottomPanel-14, 15, start, "#1b2733", "over time")
	c.text(panelLeft+panelWidth, bottomPanel-14, 13, end, "#5b6875", "bars: operations a second; dark line: p99; light line: p50")
	var values []float64
	most := 1.0
	for _, second := range r.Timeline {
		values = append(values, second.Latency.P50, second.Latency.P99)
		most = max(most, second.PerSecond)
	}
	if len(r.Timeline) == 0 {
		return
	}
	s, rate := latencyScale(bottomPanel, values), scale{top: bottomPanel, high: most * 1.1}
	step := float64(panelWidth) / float64(len(r.Timeline))
	var p50, p99 []spot
	for i, second := range r.Timeline {
		x, y := panelLeft+step*float64(i), rate.y(second.PerSecond)
		c.rect(x+step*0.05, y, step*0.9, bottomPanel+panelHeight-y, rateColor, 0.35, units.Count(int64(second.PerSecond))+"/s")
		if second.Latency.P50 > 0 {
			p50 = append(p50, spot{x + step/2, s.y(second.Latency.P50)})
			p99 = append(p99, spot{x + step/2, s.y(second.Latency.P99)})
		}
	}
	s.drawAxis(c)
	c.curve(p50, "#8fb8e8")
	c.curve(p99, "#1f4e8c")
	every := max(len(r.Timeline)/10, 1)
	for i := 0; i < len(r.Timeline); i += every {
		c.text(panelLeft+step*(float64(i)+0.5), bottomPanel+panelHeight+18, 12, middle, "#5b6875", fmt.Sprintf("%.0fs", r.Timeline[i].At-r.Options.Warmup.Seconds()))
	}
	c.text(panelLeft+panelWidth, bottomPanel+panelHeight+38, 12, end, "#5b6875", fmt.Sprintf("most in a second: %s", units.Count(int64(most))))
}
