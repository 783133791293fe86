package bench

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"

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

// SVG draws the result: the latency at each percentile, and throughput and latency
// over time.
func (r *Result) SVG(title string) string {
	p := &plot{}
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Helvetica,Arial,sans-serif">`+"\n", plotWidth, plotHeight, plotWidth, plotHeight)
	p.printf(`<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, plotHeight)
	p.text(panelLeft, 36, 20, "start", "#1b2733", title)
	p.text(panelLeft, 58, 13, "start", "#5b6875", r.describe())
	r.drawPercentiles(p)
	r.drawTimeline(p)
	p.printf("</svg>\n")
	return p.String()
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

// plot is SVG text that grows.
type plot struct{ strings.Builder }

func (p *plot) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func (p *plot) text(x, y float64, size int, anchor, color, text string) {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text)) // a Builder takes all
	p.printf(`<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, size, anchor, color, &escaped)
}

func (p *plot) line(x1, y1, x2, y2 float64, color string) {
	p.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, color)
}

type spot struct{ x, y float64 }

func (p *plot) curve(spots []spot, color string) {
	if len(spots) == 0 {
		return
	}
	p.printf(`<polyline fill="none" stroke="%s" stroke-width="2" points="`, color)
	for _, s := range spots {
		p.printf("%.1f,%.1f ", s.x, s.y)
	}
	p.printf(`"/>` + "\n")
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

// drawLatencyAxis draws a line for each power of ten.
func (p *plot) drawLatencyAxis(s scale) {
	for v := s.low; v <= s.high*1.001; v *= 10 {
		p.line(panelLeft, s.y(v), panelLeft+panelWidth, s.y(v), "#e4e8ec")
		p.text(panelLeft-8, s.y(v)+4, 12, "end", "#5b6875", ms(v))
	}
}

// percentileX places a percentile by how many nines it has: each takes as much room
// as the one before.
func percentileX(percent, nines float64) float64 {
	rest := max(100-percent, math.Pow(10, 2-nines)) / 100
	return panelLeft + panelWidth*min(-math.Log10(rest)/nines, 1)
}

func (r *Result) drawPercentiles(p *plot) {
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
	p.text(panelLeft, topPanel-14, 15, "start", "#1b2733", "latency by percentile")
	p.drawLatencyAxis(s)
	for n := 0.0; n < nines; n++ {
		percent := 100 - math.Pow(10, 2-n)
		x := percentileX(percent, nines)
		p.line(x, topPanel, x, topPanel+panelHeight, "#eef1f4")
		p.text(x, topPanel+panelHeight+18, 12, "middle", "#5b6875", fmt.Sprintf("%.*f%%", int(max(n-2, 0)), percent))
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
		p.curve(spots, color)
		l := k.result.Latency
		p.text(panelLeft+panelWidth, topPanel-34+float64(17*i), 13, "end", color,
			fmt.Sprintf("%s: p50 %s, p99 %s, p99.9 %s, max %s", k.name, ms(l.P50), ms(l.P99), ms(l.P999), ms(l.Max)))
	}
}

func (r *Result) drawTimeline(p *plot) {
	p.text(panelLeft, bottomPanel-14, 15, "start", "#1b2733", "over time")
	p.text(panelLeft+panelWidth, bottomPanel-14, 13, "end", "#5b6875", "bars: operations a second; dark line: p99; light line: p50")
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
		p.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" opacity="0.35"><title>%s/s</title></rect>`+"\n",
			x+step*0.05, y, step*0.9, bottomPanel+panelHeight-y, rateColor, units.Count(int64(second.PerSecond)))
		if second.Latency.P50 > 0 {
			p50 = append(p50, spot{x + step/2, s.y(second.Latency.P50)})
			p99 = append(p99, spot{x + step/2, s.y(second.Latency.P99)})
		}
	}
	p.drawLatencyAxis(s)
	p.curve(p50, "#8fb8e8")
	p.curve(p99, "#1f4e8c")
	every := max(len(r.Timeline)/10, 1)
	for i := 0; i < len(r.Timeline); i += every {
		p.text(panelLeft+step*(float64(i)+0.5), bottomPanel+panelHeight+18, 12, "middle", "#5b6875", fmt.Sprintf("%.0fs", r.Timeline[i].At-r.Options.Warmup.Seconds()))
	}
	p.text(panelLeft+panelWidth, bottomPanel+panelHeight+38, 12, "end", "#5b6875", fmt.Sprintf("most in a second: %s", units.Count(int64(most))))
}
