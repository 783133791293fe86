package ringview

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"

	"github.com/ringkv/ringkv/internal/units"
)

// The picture, in its own units. Going inwards: virtual nodes, then one band for
// each copy, the leader's first.
const (
	width, minHeight = 1180, 760
	centre           = 380
	pointsOuter      = 346
	pointsInner      = 320
	bandOuter        = 308
	bandsDepth       = 138 // of all bands together
	tableLeft        = 780
	rowHeight        = 46
)

// SVG draws the view.
func (v *View) SVG() string {
	height := max(minHeight, 190+rowHeight*len(v.Nodes))
	d := &drawing{}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Helvetica,Arial,sans-serif">`+"\n", width, height, width, height)
	d.printf(`<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	v.drawPoints(d)
	v.drawPartitions(d)
	d.text(centre, centre-26, 26, "middle", "#1b2733", units.Count(v.Keys)+" keys")
	d.text(centre, centre+4, 15, "middle", "#5b6875", fmt.Sprintf("%s, %s", units.Bytes(v.Bytes), copiesOf(v.Copies)))
	d.text(centre, centre+28, 15, "middle", "#5b6875", fmt.Sprintf("%d partitions", len(v.Partitions)))
	v.drawTable(d)
	d.printf("</svg>\n")
	return d.String()
}

func copiesOf(n int) string {
	if n == 1 {
		return "1 copy"
	}
	return fmt.Sprintf("%d copies", n)
}

// drawing is SVG text that grows.
type drawing struct{ strings.Builder }

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(d, format, args...) }

func (d *drawing) text(x, y, size int, anchor, color, text string) {
	d.printf(`<text x="%d" y="%d" font-size="%d" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, size, anchor, color, escape(text))
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes all
	return b.String()
}

// on returns a point at a part of the ring, clockwise from the top.
func on(part, radius float64) (x, y float64) {
	angle := 2*math.Pi*part - math.Pi/2
	return centre + radius*math.Cos(angle), centre + radius*math.Sin(angle)
}

// drawPoints draws each virtual node as a stroke in the colour of its node.
func (v *View) drawPoints(d *drawing) {
	for i, n := range v.Nodes {
		var path strings.Builder
		for _, at := range n.Points {
			x1, y1 := on(at, pointsInner)
			x2, y2 := on(at, pointsOuter)
			fmt.Fprintf(&path, "M%.1f %.1fL%.1f %.1f", x1, y1, x2, y2)
		}
		d.printf(`<path d="%s" stroke="%s" stroke-width="1.4" opacity="0.85"><title>%s: %d virtual nodes</title></path>`+"\n",
			&path, hsl(nodeColor(i, len(v.Nodes)), 65, 45), escape(n.Name), n.VirtualNodes)
	}
}

// drawPartitions draws an arc for each copy of each partition.
func (v *View) drawPartitions(d *drawing) {
	bands := max(v.Copies, 1)
	for _, p := range v.Partitions {
		bands = max(bands, len(p.Copies))
	}
	depth := float64(bandsDepth) / float64(bands)
	color := map[string]int{}
	for i, n := range v.Nodes {
		color[n.Name] = i
	}
	for _, p := range v.Partitions {
		from := float64(p.ID) / float64(len(v.Partitions))
		to := float64(p.ID+1) / float64(len(v.Partitions))
		for band, node := range p.Copies {
			outer := bandOuter - depth*float64(band)
			fill := "#d4d9de" // a node that is not there any more
			if i, known := color[node]; known {
				lightness := 52
				if band > 0 || p.Leader == "" {
					lightness = 78
				}
				fill = hsl(nodeColor(i, len(v.Nodes)), 60, lightness)
				if v.Nodes[i].State == "DOWN" {
					fill = "#c9ced3"
				}
			}
			part := "has a copy"
			if band == 0 && p.Leader != "" {
				part = "leads"
			}
			d.printf(`<path d="%s" fill="%s" stroke="#ffffff" stroke-width="1"><title>partition %d, slots %d-%d, %s keys: %s %s</title></path>`+"\n",
				arc(from, to, outer, outer-depth+2), fill, p.ID, p.FirstSlot, p.LastSlot, units.Count(p.Keys), escape(node), part)
		}
	}
}

// arc is the outline of a piece of a band. A whole circle has two equal ends, which
// no arc can have: it stops just before.
func arc(from, to, outer, inner float64) string {
	if to-from >= 1 {
		to = from + 0.9999
	}
	large := 0
	if to-from > 0.5 {
		large = 1
	}
	x1, y1 := on(from, outer)
	x2, y2 := on(to, outer)
	x3, y3 := on(to, inner)
	x4, y4 := on(from, inner)
	return fmt.Sprintf("M%.2f %.2fA%.2f %.2f 0 %d 1 %.2f %.2fL%.2f %.2fA%.2f %.2f 0 %d 0 %.2f %.2fZ",
		x1, y1, outer, outer, large, x2, y2, x3, y3, inner, inner, large, x4, y4)
}

// drawTable says what each colour is and what the node holds.
func (v *View) drawTable(d *drawing) {
	d.text(tableLeft, 60, 21, "start", "#1b2733", v.Title)
	d.text(tableLeft, 84, 13, "start", "#5b6875", "outside: virtual nodes; bands: the leader of each partition,")
	d.text(tableLeft, 101, 13, "start", "#5b6875", "then its other copies; bars: keys in a node's copies")
	most := uint64(1)
	for _, n := range v.Nodes {
		most = max(most, n.Keys)
	}
	for i, n := range v.Nodes {
		y := 146 + rowHeight*i
		fill := hsl(nodeColor(i, len(v.Nodes)), 60, 52)
		if n.State == "DOWN" {
			fill = "#c9ced3"
		}
		name := n.Name
		if n.State != "UP" {
			name += " " + n.State
		}
		if n.Zone != "" {
			name += " (" + n.Zone + ")"
		}
		d.printf(`<rect x="%d" y="%d" width="14" height="14" rx="3" fill="%s"/>`+"\n", tableLeft, y-12, fill)
		d.text(tableLeft+22, y, 15, "start", "#1b2733", name)
		d.text(width-30, y, 13, "end", "#5b6875", fmt.Sprintf("leads %d, holds %d, owns %.1f%% of the ring", n.Leads, n.Copies, 100*n.Owns))
		const barWidth = 270
		d.printf(`<rect x="%d" y="%d" width="%d" height="9" rx="4" fill="#eef1f4"/>`+"\n", tableLeft+22, y+8, barWidth)
		d.printf(`<rect x="%d" y="%d" width="%.1f" height="9" rx="4" fill="%s"/>`+"\n", tableLeft+22, y+8, barWidth*float64(n.Keys)/float64(most), fill)
		d.text(width-30, y+17, 12, "end", "#5b6875", units.Count(n.Keys))
	}
}
