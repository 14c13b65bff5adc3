// What a dashboard of this project is, in Grafana's own types: `@grafana/schema` as of Grafana 10.4.
//
// The published types of a panel say `Record<string, unknown>` where the options, the custom field settings and the
// queries stand; here each kind of panel gets those that Grafana publishes for it. Two things have no published type:
// what Grafana's Prometheus annotations read beside a target (public/app/plugins/datasource/prometheus), and which
// value belongs to which override.

import type {
  AnnotationContainer, AnnotationQuery, Dashboard, FieldConfig, MatcherConfig, Panel, RowPanel, TableCellOptions,
  FieldColor, LineStyle, StackingConfig, ThresholdsConfig, ValueMapping, VariableModel,
} from '@grafana/schema';
import type { AnnotationTarget } from '@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen';
import type * as Prometheus from '@grafana/schema/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as Timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';

/** A type as JSON has it: an enum is one of its values. */
type Json<T> = unknown extends T ? T
  : T extends string ? `${T}`
  : T extends number ? (`${T}` extends `${infer N extends number}` ? N : never)
  : T extends boolean | null | undefined ? T
  : T extends Array<infer U> ? Array<Json<U>>
  : T extends object ? { [K in keyof T]: Json<T[K]> }
  : never;

/** Settings of some values; each has the type of the setting that it replaces. */
type Override = {
  matcher: MatcherConfig<string> & { id: 'byName' | 'byRegexp' };
  properties: Array<
    | { id: 'displayName'; value: string }
    | { id: 'unit'; value: string }
    | { id: 'decimals' | 'min' | 'max' | 'custom.lineWidth' | 'custom.fillOpacity'; value: number }
    | { id: 'color'; value: FieldColor }
    | { id: 'thresholds'; value: ThresholdsConfig }
    | { id: 'mappings'; value: ValueMapping[] }
    | { id: 'links'; value: Array<{ title: string; url: string; targetBlank: boolean }> }
    | { id: 'custom.cellOptions'; value: TableCellOptions }
    | { id: 'custom.lineStyle'; value: LineStyle }
    | { id: 'custom.drawStyle'; value: TimeSeries.FieldConfig['drawStyle'] }
    | { id: 'custom.stacking'; value: StackingConfig }
  >;
};

type Transformation =
  | { id: 'merge'; options: Record<string, never> }
  | {
      id: 'organize';
      options: {
        excludeByName: Record<string, boolean>;
        indexByName: Record<string, number>;
        renameByName: Record<string, string>;
      };
    };

type PanelOf<Kind extends string, Options, Custom> = Omit<
  Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'transformations'
> & {
  type: Kind;
  options: Options;
  fieldConfig: { defaults: Omit<FieldConfig, 'custom'> & { custom?: Custom }; overrides: Override[] };
  targets: Prometheus.PrometheusDataQuery[];
  transformations?: Transformation[];
};

type AnyPanel =
  | PanelOf<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  | PanelOf<'stat', Stat.Options, never>
  | PanelOf<'table', Table.Options, Table.FieldConfig>
  | PanelOf<'state-timeline', Timeline.Options, Timeline.FieldConfig>
  | PanelOf<'heatmap', Heatmap.Options, Heatmap.FieldConfig>
  | (Omit<RowPanel, 'panels'> & { panels: never[] });

type Tags = Omit<AnnotationQuery, 'target'> & { target: AnnotationTarget };
type Series = Omit<AnnotationQuery, 'target'> & {
  target: Pick<Prometheus.PrometheusDataQuery, 'expr' | 'refId'> & { interval: string };
  expr: string;
  step: string;
  titleFormat: string;
  textFormat: string;
  tagKeys: string;
};

type Generated = Omit<Dashboard, 'panels' | 'annotations' | 'templating'> & {
  panels: AnyPanel[];
  annotations: Omit<AnnotationContainer, 'list'> & { list: Array<Tags | Series> };
  templating: { list: VariableModel[] };
};

/** A dashboard as it stands in its file. */
export type File = Json<Generated>;
