//! The macro that turns the table of settings into types, a parser and rows for the manual.

/// Declares the settings. It is used only in `table.rs`, which shows its form.
///
/// A row is `NAME: TYPE = DEFAULT, KIND;`.
/// The doc comment above a row is also its help text in the manual and in the sample file.
macro_rules! settings {
    (
        $( #[$doc:meta] )*
        pub struct $config:ident;

        $( group $group:literal {
            $( $( #[doc = $help:literal] )+ $key:ident: $ty:ty = $default:expr, $kind:expr; )+
        } )+
        per_user $users:literal {
            $( $( #[doc = $user_help:literal] )+ $user_key:ident: $user_ty:ty, $user_kind:expr; )+
        }
        $( $( #[$table_doc:meta] )* table $table:ident: $table_ty:ident $table_group:literal {
            $( $( #[doc = $t_help:literal] )+ $t_key:ident: $t_ty:ty = $t_default:expr, $t_kind:expr; )+
        } )+
    ) => {
        $( #[$doc] )*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $config {
            $( $( $( #[doc = $help] )+ pub $key: $ty, )+ )+
            $( $( #[doc = $user_help] )+ pub $user_key: $crate::types::PerUser<$user_ty>, )+
            $( $( #[$table_doc] )* pub $table: $table_ty, )+
        }

        $(
            $( #[$table_doc] )*
            #[derive(Clone, Debug, PartialEq)]
            pub struct $table_ty {
                $( $( #[doc = $t_help] )+ pub $t_key: $t_ty, )+
            }
        )+

        impl Default for $config {
            /// The settings without a configuration file.
            fn default() -> Self {
                Self {
                    $( $( $key: $default, )+ )+
                    $( $user_key: $crate::types::PerUser::new(), )+
                    $( $table: $table_ty { $( $t_key: $t_default, )+ }, )+
                }
            }
        }

        impl $config {
            /// Takes the settings from a parsed file. Missing and wrong ones get their default; wrong ones
            /// are reported.
            pub(crate) fn read(
                file: toml::de::DeTable<'_>,
                findings: &mut $crate::reader::ParseFindings<'_>,
            ) -> Self {
                const MAIN: &[&str] = &[$( $( stringify!($key), )+ )+];
                let default = Self::default();
                let mut main = $crate::reader::TableReader::new(file);
                let config = Self {
                    $( $( $key: main.take(
                        stringify!($key), &$kind, default.$key, findings,
                    ), )+ )+
                    $( $user_key: main.per_user(
                        stringify!($user_key), &$user_kind, findings,
                    ), )+
                    $( $table: {
                        let mut table = main.table(stringify!($table), findings);
                        let settings = $table_ty {
                            $( $t_key: table.take(
                                stringify!($t_key), &$t_kind, default.$table.$t_key, findings,
                            ), )+
                        };
                        table.finish(MAIN, findings);
                        settings
                    }, )+
                };
                main.finish(&[], findings);
                config
            }

            /// All settings with their values, in the order of the table.
            pub(crate) fn rows(&self) -> Vec<$crate::render::SettingRow> {
                use $crate::render::{SettingRow, Shown};
                vec![
                    $( $( {
                        let kind = $kind;
                        SettingRow {
                            group: $group, table: "", key: stringify!($key), help: &[$( $help ),+],
                            accepts: kind.accepts().to_owned(),
                            value: Shown::Value(kind.show(&self.$key)),
                        }
                    }, )+ )+
                    $( {
                        let kind = $user_kind;
                        let users = self.$user_key.iter().map(|(user, value)| (user.clone(), kind.show(value)));
                        SettingRow {
                            group: $users, table: stringify!($user_key), key: "USER", help: &[$( $user_help ),+],
                            accepts: kind.accepts().to_owned(),
                            value: Shown::PerUser(users.collect()),
                        }
                    }, )+
                    $( $( {
                        let kind = $t_kind;
                        SettingRow {
                            group: $table_group, table: stringify!($table), key: stringify!($t_key),
                            help: &[$( $t_help ),+],
                            accepts: kind.accepts().to_owned(),
                            value: Shown::Value(kind.show(&self.$table.$t_key)),
                        }
                    }, )+ )+
                ]
            }
        }
    };
}

pub(crate) use settings;
