//! The methods of MCP that this server answers. The one list of them: the engine answers nothing else, because whatever
//! it answers it answers as a [`Method`]; labels of metrics, scopes and the tests of access are taken from here.

use domain::Scope;

/// Declares [`Method`] with everything that is known of each.
macro_rules! methods {
    ($(#[doc = $doc:literal] $variant:ident $name:literal needs $scope:expr;)+) => {
        /// A method that is answered.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Method {
            $(#[doc = $doc] $variant,)+
        }

        impl Method {
            /// Every method that is answered.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name on the wire, also the value of the labels `endpoint` and `mcp_method_name`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it does, for the reference.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc.trim_ascii(),)+
                }
            }

            /// The scope that the caller's key must have; none where any valid key will do.
            #[must_use]
            pub fn scope(self) -> Option<Scope> {
                match self {
                    $(Self::$variant => $scope,)+
                }
            }
        }
    };
}

methods! {
    /// Agrees on a version and opens a session, in the eras that have them.
    Initialize "initialize" needs None;
    /// What there is, in the stateless era.
    Discover "server/discover" needs None;
    /// Whether we are there, in the older eras.
    Ping "ping" needs None;
    /// The tools of the caller's tenant.
    ListTools "tools/list" needs Some(Scope::ToolsRead);
    /// Runs one of them.
    CallTool "tools/call" needs Some(Scope::ToolsCall);
    /// The state of a call that runs as a task.
    GetTask "tasks/get" needs Some(Scope::ToolsCall);
    /// Answers to what a task asked.
    UpdateTask "tasks/update" needs Some(Scope::ToolsCall);
    /// Asks a task to stop.
    CancelTask "tasks/cancel" needs Some(Scope::ToolsCall);
    /// The prompts.
    ListPrompts "prompts/list" needs Some(Scope::ToolsRead);
    /// One of them, filled in.
    GetPrompt "prompts/get" needs Some(Scope::ToolsRead);
    /// The resources.
    ListResources "resources/list" needs Some(Scope::ToolsRead);
    /// Templates of resources.
    ListResourceTemplates "resources/templates/list" needs Some(Scope::ToolsRead);
    /// A resource's contents.
    ReadResource "resources/read" needs Some(Scope::ToolsRead);
    /// Asks to be told when a resource changes, in the older eras.
    Subscribe "resources/subscribe" needs Some(Scope::ToolsRead);
    /// Takes that back.
    Unsubscribe "resources/unsubscribe" needs Some(Scope::ToolsRead);
    /// Proposals for an argument.
    Complete "completion/complete" needs Some(Scope::ToolsRead);
    /// How much is logged to the client, in the older eras.
    SetLevel "logging/setLevel" needs None;
    /// A stream of changes, in the stateless era.
    Listen "subscriptions/listen" needs Some(Scope::ToolsRead);
}

impl Method {
    /// Whether it is answered page by page.
    #[must_use]
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Self::ListTools | Self::ListPrompts | Self::ListResources | Self::ListResourceTemplates
        )
    }

    /// The method of this name, if it is answered.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.as_str() == name)
    }
}
