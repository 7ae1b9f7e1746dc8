//! The fuzz targets of this plane, and the strict second reading of HTTP/1.1 that they judge by.

pub(crate) mod strict;

pub(crate) use super::forward::fuzzing::{connect_authority, gateway_reply, request_head};
pub(crate) use super::http1::fuzzing::chunked_body;
pub(crate) use super::relay::fuzzing::relay;
