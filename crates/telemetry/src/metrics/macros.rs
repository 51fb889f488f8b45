//! `metrics!`: a block of metrics whose doc comments are the HELP texts.

/// Declares a struct of metrics.
///
/// Each field is a [`Family`](crate::metrics::Family) with one label value per declared label, or, where the
/// label list is empty, the bare counter, gauge or histogram. `new(&Telemetry)` takes the handles,
/// `DECLARATIONS` feeds the catalogue. A histogram without `buckets` gets
/// [`LATENCY`](crate::metrics::LATENCY); `otel "name"` after the name says what the metric is called over OTLP where it is the
/// twin of one of the semantic conventions'; the names of [`telemetry::metrics`](crate::metrics)' bucket constants are in scope.
///
/// ```
/// telemetry::metrics! {
///     /// What the relay counts.
///     pub struct RelayMetrics {
///         /// Jobs handed to the broker.
///         published: counter "relay_published_total" [queue],
///         /// Seconds from the job's commit to the broker's confirm.
///         delay: histogram "relay_delay_seconds" [queue] buckets LATENCY,
///         /// Jobs not yet handed over.
///         pending: gauge "relay_pending" [],
///     }
/// }
/// assert_eq!(RelayMetrics::DECLARATIONS[0].labels, ["queue"]);
/// ```
#[macro_export]
macro_rules! metrics {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $help:literal])+
                $field:ident : $kind:ident $metric:literal $(otel $otel:literal)? [ $($label:ident),* $(,)? ]
                    $(buckets $buckets:expr)?
            ),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone)]
        $visibility struct $name {
            $( $(#[doc = $help])+ pub $field: $crate::__metric_type!($kind [ $($label),* ]), )+
        }

        impl $name {
            /// What this block exports, for the catalogue.
            pub const DECLARATIONS: &'static [$crate::metrics::Declaration] = &[
                $( $crate::__metric_declaration!(
                    $kind $metric [ $($otel)? ] [ $($label),* ] [ $($help),+ ] [ $($buckets)? ]
                ) ),+
            ];

            /// Takes the handles of one service's telemetry.
            #[must_use]
            #[allow(dead_code, reason = "a block may be taken from a registry only")]
            pub fn new(telemetry: &$crate::Telemetry) -> Self {
                Self::in_registry(telemetry.registry())
            }

            /// Takes the handles of one registry.
            #[must_use]
            #[allow(dead_code, reason = "a block may be taken from a telemetry only")]
            pub fn in_registry(registry: &$crate::metrics::Registry) -> Self {
                Self {
                    $( $field: {
                        const DECLARATION: &$crate::metrics::Declaration = &$crate::__metric_declaration!(
                            $kind $metric [ $($otel)? ] [ $($label),* ] [ $($help),+ ] [ $($buckets)? ]
                        );
                        $crate::metrics::Metric::register(registry, DECLARATION)
                    } ),+
                }
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_type {
    (counter []) => { $crate::metrics::Counter };
    (gauge []) => { $crate::metrics::Gauge };
    (histogram []) => { $crate::metrics::Histogram };
    (counter [ $($label:ident),+ ]) => {
        $crate::metrics::Family<$crate::metrics::Counter, { [$(stringify!($label)),+].len() }>
    };
    (gauge [ $($label:ident),+ ]) => {
        $crate::metrics::Family<$crate::metrics::Gauge, { [$(stringify!($label)),+].len() }>
    };
    (histogram [ $($label:ident),+ ]) => {
        $crate::metrics::Family<$crate::metrics::Histogram, { [$(stringify!($label)),+].len() }>
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_declaration {
    ($kind:ident $metric:literal [ $($otel:literal)? ] [ $($label:ident),* ] [ $($help:literal),+ ] [ $($buckets:expr)? ]) => {
        $crate::metrics::Declaration {
            name: $metric,
            kind: $crate::__metric_kind!($kind),
            labels: &[ $(stringify!($label)),* ],
            help: concat!($($help),+),
            buckets: $crate::__metric_buckets!($kind [ $($buckets)? ]),
            otel: $crate::__metric_otel!([ $($otel)? ]),
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_otel {
    ([]) => {
        None
    };
    ([ $name:literal ]) => {
        Some($name)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_kind {
    (counter) => {
        $crate::metrics::Kind::Counter
    };
    (gauge) => {
        $crate::metrics::Kind::Gauge
    };
    (histogram) => {
        $crate::metrics::Kind::Histogram
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metric_buckets {
    (histogram []) => {
        $crate::metrics::LATENCY
    };
    (histogram [ $buckets:expr ]) => {{
        #[allow(unused_imports, reason = "a caller may name bounds of its own")]
        use $crate::metrics::*;
        $buckets
    }};
    ($other:ident []) => {
        &[]
    };
}
