//! Which reply a request gets.

use std::collections::VecDeque;

use super::{Recorded, Reply};

#[derive(Default)]
pub(super) struct Routes(Vec<Route>);

struct Route {
    method: String,
    path: String,
    replies: VecDeque<Reply>,
}

impl Routes {
    pub(super) fn add(&mut self, method: &str, path: &str, replies: Vec<Reply>) {
        let route = Route {
            method: method.to_owned(),
            path: path.to_owned(),
            replies: replies.into(),
        };
        self.0.push(route);
    }

    /// The reply of the last route that fits, 404 if none does.
    pub(super) fn reply_to(&mut self, request: &Recorded) -> Reply {
        let route = self.0.iter_mut().rev().find(|route| route.fits(request));
        let missing = || Reply::text(404, &format!("no route for {} {}", request.method, request.path));
        route.and_then(Route::next).unwrap_or_else(missing)
    }
}

impl Route {
    fn fits(&self, request: &Recorded) -> bool {
        let method = self.method == "*" || self.method.eq_ignore_ascii_case(&request.method);
        let path = match self.path.strip_suffix('*') {
            Some(start) => request.path.starts_with(start),
            None => request.path == self.path,
        };
        method && path
    }

    fn next(&mut self) -> Option<Reply> {
        if self.replies.len() > 1 {
            self.replies.pop_front()
        } else {
            self.replies.front().cloned()
        }
    }
}
