//! The 24 bytes in front of the payload of a binary frame, the same in both directions. Big-endian.

use crate::fault::Fault;

/// Bytes of a header.
pub const HEADER_LEN: usize = 24;
/// `MCPW`.
pub const MAGIC: u32 = 0x4d43_5057;
/// The version of the frame format.
pub const VERSION: u8 = 1;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call that wants an answer.
    Request,
    /// The result of one.
    Response,
    /// A message that wants no answer.
    Notification,
    /// The refusal of a request.
    Error,
    /// Whether the other end is there.
    Ping,
    /// It is: the bytes of the ping.
    Pong,
    /// Several messages at once.
    Batch,
    /// A notification of how far a request is (`notifications/progress`).
    Progress,
}

impl Kind {
    /// Every type, at the place of its number.
    pub const ALL: [Self; 8] = [
        Self::Request,
        Self::Response,
        Self::Notification,
        Self::Error,
        Self::Ping,
        Self::Pong,
        Self::Batch,
        Self::Progress,
    ];

    /// Its number in the header.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name, also the value of the label `message_type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Notification => "notification",
            Self::Error => "error",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Batch => "batch",
            Self::Progress => "progress",
        }
    }
}

/// How the payload is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// The payload is a gzip member (flag 1).
    pub compressed: bool,
    /// The payload is an array of messages (flag 4).
    pub batch: bool,
}

impl Flags {
    const COMPRESSED: u16 = 1;
    const ENCRYPTED: u16 = 2;
    const BATCH: u16 = 4;

    /// The flags as the header has them.
    #[must_use]
    pub fn bits(self) -> u16 {
        u16::from(self.compressed) * Self::COMPRESSED + u16::from(self.batch) * Self::BATCH
    }

    fn read(bits: u16) -> Result<Self, Fault> {
        if bits & Self::ENCRYPTED != 0 {
            return Err(Fault::Encrypted);
        }
        if bits & !(Self::COMPRESSED | Self::BATCH) != 0 {
            return Err(Fault::Flags(bits));
        }
        Ok(Self {
            compressed: bits & Self::COMPRESSED != 0,
            batch: bits & Self::BATCH != 0,
        })
    }
}

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the payload is.
    pub kind: Kind,
    /// How it is written.
    pub flags: Flags,
    /// The sender's number of this frame, from 1; 0 for one that is not numbered.
    pub sequence: u64,
    /// The method by number; 0 where the payload names it ([`crate::method`]).
    pub method: u16,
    /// Bytes of the payload as it is sent.
    pub size: u32,
}

impl Header {
    /// The header of a frame, and its payload as it was sent.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order of the fields.
    pub fn read(frame: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let Some((head, payload)) = frame.split_first_chunk::<HEADER_LEN>() else {
            return Err(Fault::Short(frame.len()));
        };
        let [
            m0,
            m1,
            m2,
            m3,
            version,
            kind,
            f0,
            f1,
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            s6,
            s7,
            n0,
            n1,
            r0,
            r1,
            l0,
            l1,
            l2,
            l3,
        ] = *head;
        let magic = u32::from_be_bytes([m0, m1, m2, m3]);
        if magic != MAGIC {
            return Err(Fault::Magic(magic));
        }
        if version != VERSION {
            return Err(Fault::Version(version));
        }
        let kind = *Kind::ALL.get(usize::from(kind)).ok_or(Fault::Kind(kind))?;
        let flags = Flags::read(u16::from_be_bytes([f0, f1]))?;
        let reserved = u16::from_be_bytes([r0, r1]);
        if reserved != 0 {
            return Err(Fault::Reserved(reserved));
        }
        let size = u32::from_be_bytes([l0, l1, l2, l3]);
        if usize::try_from(size) != Ok(payload.len()) {
            return Err(Fault::Size {
                stated: size,
                actual: payload.len(),
            });
        }
        let header = Self {
            kind,
            flags,
            sequence: u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            method: u16::from_be_bytes([n0, n1]),
            size,
        };
        header.fits()?;
        Ok((header, payload))
    }

    /// The header as it is sent.
    #[must_use]
    pub fn bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let (magic, rest) = bytes.split_at_mut(4);
        magic.copy_from_slice(&MAGIC.to_be_bytes());
        rest[0] = VERSION;
        rest[1] = self.kind.number();
        rest[2..4].copy_from_slice(&self.flags.bits().to_be_bytes());
        rest[4..12].copy_from_slice(&self.sequence.to_be_bytes());
        rest[12..14].copy_from_slice(&self.method.to_be_bytes());
        rest[16..20].copy_from_slice(&self.size.to_be_bytes());
        bytes
    }

    /// Whether its fields go together.
    fn fits(&self) -> Result<(), Fault> {
        let is_heartbeat = matches!(self.kind, Kind::Ping | Kind::Pong);
        let is_plain = self.flags == Flags::default() && self.method == 0 && self.size <= 125;
        if is_heartbeat && !is_plain {
            return Err(Fault::Heartbeat);
        }
        if self.flags.batch != (self.kind == Kind::Batch) {
            return Err(Fault::BatchFlag);
        }
        Ok(())
    }
}
